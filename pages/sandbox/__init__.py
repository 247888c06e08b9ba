"""The page Sandbox: `page` is the script, `ledger` its table of each pipe's records."""
