"""Replays weather into the sandbox: sources, pace and operations."""
