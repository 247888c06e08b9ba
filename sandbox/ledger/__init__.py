"""The ledger: for each pipe, what became of every record, by what can be seen from outside of the runtime.

stream.py       reads the stream for itself: what was written
expectation.py  what a pipe, as it is published, should make of a record: nothing, or one request
letters.py      the messages that SQS accepted
account.py      sets one against the other, for one pipe: pure
ledger.py       does so on demand, for all pipes

The requests that were answered with success come from `sandbox/momento/deliveries.py`.
"""
