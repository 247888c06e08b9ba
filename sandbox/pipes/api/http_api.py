"""The Pipes API on the wire: REST with JSON, as botocore and the `aws` CLI speak it."""

from __future__ import annotations

import json
import logging
import re
import uuid
from typing import Any

from starlette.types import Receive, Scope, Send

from sandbox.aws.json_http import header, read_body
from sandbox.pipes.api.control_plane import ControlPlane
from sandbox.pipes.api.model import read_input
from sandbox.pipes.plan.errors import PipesError, ValidationFailed

logger = logging.getLogger(__name__)

_CREDENTIAL = re.compile(rb"Credential=[^/,\s]+/\d{8}/([^/]+)/pipes/aws4_request")

_ROUTES = (
    ("GET", re.compile(r"/v1/pipes/?"), "ListPipes"),
    ("POST", re.compile(r"/v1/pipes/(?P<Name>[^/]+)"), "CreatePipe"),
    ("GET", re.compile(r"/v1/pipes/(?P<Name>[^/]+)"), "DescribePipe"),
    ("PUT", re.compile(r"/v1/pipes/(?P<Name>[^/]+)"), "UpdatePipe"),
    ("DELETE", re.compile(r"/v1/pipes/(?P<Name>[^/]+)"), "DeletePipe"),
    ("POST", re.compile(r"/v1/pipes/(?P<Name>[^/]+)/start"), "StartPipe"),
    ("POST", re.compile(r"/v1/pipes/(?P<Name>[^/]+)/stop"), "StopPipe"),
    ("POST", re.compile(r"/tags/(?P<resourceArn>.+)"), "TagResource"),
    ("DELETE", re.compile(r"/tags/(?P<resourceArn>.+)"), "UntagResource"),
    ("GET", re.compile(r"/tags/(?P<resourceArn>.+)"), "ListTagsForResource"),
)


class UnknownOperation(PipesError):
    """Raised when path and method belong to no operation."""

    code = "UnknownOperationException"
    status = 404


class HttpApi:
    """The ASGI app in front of the control plane."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        try:
            status, answer, code = 200, self._answer(scope, body), ""
        except PipesError as error:
            status, answer, code = error.status, error.body, error.code
        except Exception:
            logger.exception("the Pipes API failed on %s %s", scope["method"], scope["path"])
            status, answer, code = 500, {"message": "Internal error, see the sandbox's log."}, "InternalException"
        await _respond(send, status, answer, code)

    def _answer(self, scope: Scope, body: bytes) -> dict[str, Any]:
        for method, path, operation in _ROUTES:
            found = path.fullmatch(scope["path"])
            if found and method == scope["method"]:
                arguments = read_input(operation, found.groupdict(), scope["query_string"], body)
                return self._control_plane.perform(operation, _region(scope), arguments)
        raise UnknownOperation(f"{scope['method']} {scope['path']} is no operation of Pipes.")


def _region(scope: Scope) -> str:
    """The region that the call is signed for."""
    found = _CREDENTIAL.search(header(scope, b"authorization"))
    if found:
        return str(found.group(1).decode())
    raise ValidationFailed("The Authorization header names no region.")


async def _respond(send: Send, status: int, answer: dict[str, Any], code: str) -> None:
    payload = json.dumps(answer).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(payload)).encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    if code:
        headers.append((b"x-amzn-errortype", code.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})
