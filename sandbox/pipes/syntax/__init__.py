"""The small languages of Pipes: filters, input templates, JSON paths, HTTP parameters, ARNs. Pure.

Face: `filters`, `templates`, `json_paths`, `http_parameters`, `arns`.
"""
