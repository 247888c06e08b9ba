"""Follows writes through the pipeline: stream, pipes, topic event, cache item.

Face: `writes` follows single writes and `batches` the rows of a job; `propagation` is how far one write came,
`hints` what to look at when it does not arrive; `canary` writes a record of its own and follows it.
"""
