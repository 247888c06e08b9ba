"""What surrounds every page: the sidebar, the start screen, who the viewer is, and the pipeline in use.

Face: `context`, `access`, `sidebar`, `start`.
"""
