"""The page Logs: `page` is the script; `execution` shows one execution, `insights` wider windows."""
