"""Calls of AWS on ASGI: reading what a call is, and answering it in JSON in place of the emulator."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from starlette.types import Receive, Scope, Send

_SCOPE = re.compile(rb"Credential=[^/,\s]+/\d{8}/([^/]+)/([^/]+)/aws4_request")


def header(scope: Scope, name: bytes) -> bytes:
    """The value of a header, empty when the call does not have it."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def region_of(scope: Scope) -> str:
    """The region that a call is signed for, empty when it is not signed."""
    found = _SCOPE.search(header(scope, b"authorization"))
    return found.group(1).decode() if found else ""


def service_of(scope: Scope) -> str:
    """The service that a call is signed for, empty when it is not signed."""
    found = _SCOPE.search(header(scope, b"authorization"))
    return found.group(2).decode() if found else ""


async def read_body(receive: Receive) -> bytes:
    """The whole body of a call."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def read_json(receive: Receive) -> dict[str, Any]:
    """The body of a call. Raises ValueError when it is not a JSON object."""
    parsed = json.loads(await read_body(receive) or b"{}")
    if not isinstance(parsed, dict):
        raise ValueError("the body must be a JSON object")
    return parsed


async def send_json(send: Send, status: int, answer: dict[str, Any]) -> None:
    """Send a whole answer."""
    body = json.dumps(answer).encode()
    headers = [
        (b"content-type", b"application/x-amz-json-1.1"),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, code: str, message: str) -> None:
    """Send an error that is the caller's fault, as the JSON services do."""
    await send_json(send, 400, {"__type": code, "message": message})
