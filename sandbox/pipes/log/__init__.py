"""The execution logs and metrics of pipes, in the shape that AWS writes.

Face: `execution_log` makes records, `log_writer` puts them; `counters` and `metrics` count.
"""
