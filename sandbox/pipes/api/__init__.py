"""The Pipes API and the life of a pipe: created, started, stopped, deleted.

Face: `http_api` is the wire, `control_plane` its operations; `pipe` and `runner` run one pipe on what `runtime`
shares.
"""
