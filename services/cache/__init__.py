"""What the cache should hold, and how to bring it there.

Face: `document` is what the pipe cache-put writes for an item; `agreement` compares the cache with the table;
`reconcile` brings one key of the cache to what the table says now, and reads it back.
"""
