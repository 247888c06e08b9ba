"""The sandbox's one AWS endpoint: an ASGI app in front of the emulator.

Calls signed for `pipes` go to our own Pipes service; everything else goes to the emulator. On the way back these
things are watched: a table write rings the bell for the Pipes runtime, and a change of a connection, an API
destination or IAM makes it forget what it had looked up. DescribeConnection loses its secrets, as on AWS, and GetItem
states the capacity that AWS would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.aws.json_http import header, service_of
from sandbox.aws.partiql import PARTIQL, refuse_partiql_writes
from sandbox.aws.read_capacity import with_true_capacity

#: DynamoDB operations after which a stream may hold a new record.
_TABLE_WRITES = frozenset(
    {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
    }
)
_EVENTS_CHANGES = frozenset(
    {
        "CreateConnection",
        "UpdateConnection",
        "DeleteConnection",
        "DeauthorizeConnection",
        "CreateApiDestination",
        "UpdateApiDestination",
        "DeleteApiDestination",
    }
)
_SECRETS = frozenset({"ApiKeyValue", "Password", "ClientSecret"})


class Pipes(Protocol):
    """What the gateway needs of the Pipes service."""

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    def notify_write(self) -> None: ...
    def notify_events_change(self) -> None: ...
    def notify_iam_change(self) -> None: ...


class Gateway:
    """The ASGI app that boto3, the `aws` CLI and the dashboard talk to."""

    def __init__(self, emulator: ASGIApp, pipes: Pipes) -> None:
        self._emulator = emulator
        self._pipes = pipes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_of(scope)
        if service == "pipes":
            await self._pipes.asgi(scope, receive, send)
            return
        if service == "iam":
            await self._emulator(scope, receive, _after_start(send, self._pipes.notify_iam_change))
            return
        target, _, operation = header(scope, b"x-amz-target").decode("latin-1").partition(".")
        if target == "DynamoDB_20120810" and operation in PARTIQL:
            await refuse_partiql_writes(self._emulator, scope, receive, send)
            return
        await self._emulator(scope, receive, self._watch(target, operation, send))

    def _watch(self, target: str, operation: str, send: Send) -> Send:
        if target == "DynamoDB_20120810" and operation in _TABLE_WRITES:
            return _after_start(send, self._pipes.notify_write)
        if target == "AWSEvents" and operation in _EVENTS_CHANGES:
            return _after_start(send, self._pipes.notify_events_change)
        if target == "AWSEvents" and operation == "DescribeConnection":
            return _Rewritten(send, _without_secrets)
        if target == "DynamoDB_20120810" and operation == "GetItem":
            return _Rewritten(send, with_true_capacity)
        return send


def _after_start(send: Send, notify: Callable[[], None]) -> Send:
    """Notifies once the emulator has acted, whether it agreed or not: a needless look costs next to nothing."""

    async def watching(message: Message) -> None:
        if message["type"] == "http.response.start":
            notify()
        await send(message)

    return watching


class _Rewritten:
    """Holds a JSON answer back until it is whole, and sends it as `rewrite` would have it."""

    def __init__(self, send: Send, rewrite: Callable[[Any], Any]) -> None:
        self._send = send
        self._rewrite = rewrite
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = json.dumps(self._rewrite(json.loads(self._body))).encode()
        kept = [(n, v) for n, v in self._start["headers"] if n.lower() not in (b"content-length", b"x-amz-crc32")]
        await self._send({**self._start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(inner) for name, inner in value.items() if name not in _SECRETS}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value
