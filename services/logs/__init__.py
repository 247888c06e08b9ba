"""The pipes' CloudWatch logs: read once, kept in a store, asked by pages.

Face: `tail` reads the log group into `store`; `queries` is what a page asks of the store; `executions` builds
executions out of log records; `stages` and `error_signature` explain one of them; `insights` asks Logs Insights;
`export` makes files.
"""
