"""Momento for the sandbox: caches and topics behind a gRPC port and an HTTP port; `service` is the whole."""
