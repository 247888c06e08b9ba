"""A pipe's settings, checked and compiled, and the pure rules of batches and retries.

Face: `plan`, `batches`, `retries`, `errors`.
"""
