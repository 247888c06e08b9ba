"""The live topic: one subscription for the process, kept messages, and series over time.

Face: `subscription` receives messages into `buffer`, `series` and `history`; `events` decodes one message;
`subscription_state` says how the connection is; `export` makes files.
"""
