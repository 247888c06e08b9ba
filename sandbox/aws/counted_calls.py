"""An ASGI app that counts the calls which come over the wire, by service and operation, and lets each through."""

from __future__ import annotations

import re
from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.aws.json_http import header

_SERVICE = re.compile(rb"Credential=[^/,\s]+/\d{8}/[^/]+/([^/]+)/aws4_request")


class CountedCalls:
    """Stands before the gateway; calls that parts of the sandbox make inside its process do not come by."""

    def __init__(self, gateway: ASGIApp) -> None:
        self._gateway = gateway
        self._counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._counts[_name(scope)] += 1
        await self._gateway(scope, receive, send)

    def counts(self) -> dict[str, int]:
        """Calls since the start, such as `dynamodb.PutItem`; where the operation is in the body, the service alone."""
        return dict(self._counts)


def _name(scope: Scope) -> str:
    found = _SERVICE.search(header(scope, b"authorization"))
    service = found.group(1).decode("latin-1") if found else "unsigned"
    operation = header(scope, b"x-amz-target").decode("latin-1").rpartition(".")[2]
    if service == "pipes":
        operation = f"{scope['method']} {scope['path']}"
    elif scope["path"].startswith("/service/"):
        operation = scope["path"].rpartition("/")[2]
    return f"{service}.{operation}" if operation else service
