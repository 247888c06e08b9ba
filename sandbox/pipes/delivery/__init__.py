"""One batch from the stream to its end: delivered, dead-lettered, or dropped and counted.

Face: `shard_delivery` filters and hands batches to `parallel_batches` and `batch_delivery`; `give_up` ends records.
"""
