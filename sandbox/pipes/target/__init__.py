"""Calls of API destinations over HTTP, with their connections and rate limits.

Face: `api_destination` sends a batch; `destinations` looks up what it needs; `outcomes` is what a call gave.
"""
