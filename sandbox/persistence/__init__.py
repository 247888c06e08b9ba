"""Keeps the sandbox in a file between runs; `persistence` is the whole."""
