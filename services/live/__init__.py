"""Views of the live topic, pushed to browsers as server-sent events.

Face: `broadcast` draws each distinct view once for all viewers; `messages` is what it sends; `address` reads a view
out of a URL.
"""
