"""What goes wrong on purpose.

targets.py      where a fault may strike, and what it may do there
fault.py        one fault, read from JSON and checked
board.py        the faults that are on, and the log of what fired
aws_calls.py    the faults of SQS and CloudWatch Logs, in front of the runtime's own calls
api.py          the routes of the admin port

The faults of Momento are carried out where its requests arrive: `sandbox/momento/http_faults.py`, `grpc_faults.py`.
"""
