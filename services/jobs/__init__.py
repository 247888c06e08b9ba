"""Work and reads that viewers share.

Face: `jobs` runs long work in a thread that pages can look at and stop; `one_job` lets one such work run at a time;
`cached_read` reads a value once for all viewers.
"""
