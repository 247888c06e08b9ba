"""Reading a DynamoDB stream: shards, their newest records, and one pipe's position in them.

Face: `source` reads for one pipe from the `shard_window` that all share; `cursor` is its position; `bell` wakes
readers.
"""
