"""The page Checks: `page` is the script; `findings`, `metric_tables` and `canary` are its parts."""
