"""Reads through the cache, load tests, and the comparison of the whole table with the cache.

Face: `read_through` reads as an application would; `stats` and `prices` count what that saves; `load_test` and
`load_keys` read many; `table_check` compares the table with the cache, with `key_evidence` as explanation and
`check_csv` as file.
"""
