"""The page Pipes: `page` is the script; `card`, `ledger` and `latency_charts` are its parts."""
