"""AWS's names of the metrics that alarms and the dashboard look at (facts/aws-pipes.md, section 6)."""

from __future__ import annotations

PIPES = "AWS/EventBridge/Pipes"
QUEUES = "AWS/SQS"
TABLES = "AWS/DynamoDB"

#: Calls of DynamoDB that write; each has a count of its own, in the samples of its latency.
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
