"""The embedded AWS emulator (ministack, `facts/emulators.md`), called inside the process as an ASGI app.

It verifies no signature: calls over the wire come through sandbox/aws/door.py, which does.

A call costs about 0.2 ms this way, against 3 ms over HTTP (measured there), which is what lets the Pipes runtime
read the stream, send dead letters and write logs without slowing the pipeline down.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from starlette.types import ASGIApp, Message

from sandbox.aws import emulator_cloudwatch, emulator_queues
from sandbox.aws.allowed import EMULATED
from sandbox.aws.calls import UNKNOWN_OPERATION, AwsCallFailed
from sandbox.aws.iam_front import IamFront
from sandbox.aws.logs.front import LogsFront
from sandbox.aws.query_protocol import QUERY_SERVICES, answer_of, form_of
from sandbox.aws.stream_sizes import count_sizes
from sandbox.aws.usage.front import UsageFront
from sandbox.aws.usage.usage import Usage

#: Service of a call -> (X-Amz-Target prefix, signing name, content type).
_PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "dynamodb", "application/x-amz-json-1.0"),
    "dynamodbstreams": ("DynamoDBStreams_20120810", "dynamodb", "application/x-amz-json-1.0"),
    "sqs": ("AmazonSQS", "sqs", "application/x-amz-json-1.0"),
    "events": ("AWSEvents", "events", "application/x-amz-json-1.1"),
    "logs": ("Logs_20140328", "logs", "application/x-amz-json-1.1"),
    "secretsmanager": ("secretsmanager", "secretsmanager", "application/x-amz-json-1.1"),
    "cloudwatch": ("GraniteServiceVersion20100801", "monitoring", "application/x-amz-json-1.0"),
    "resourcegroupstaggingapi": ("ResourceGroupsTaggingAPI_20170126", "tagging", "application/x-amz-json-1.1"),
}
#: The message of the emulator for an operation that it does not know; the codes differ from service to service.
_UNKNOWN = re.compile(r"Unknown (\w+ )?(action|operation)\b|The action \S+ is not valid", re.IGNORECASE)


def _environment(account_id: str, region: str, host: str, port: int) -> dict[str, str]:
    """What ministack reads of the environment, all of it stated so that the caller's shell cannot change it."""
    return {
        "MINISTACK_ACCOUNT_ID": account_id,
        "MINISTACK_REGION": region,
        "MINISTACK_HOST": host,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "AUTH": "false",
        "USE_SSL": "false",
        "PERSIST_STATE": "0",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "SERVICES": ",".join(EMULATED),
        # No Docker is wanted; a socket that does not exist keeps the emulator from looking for a daemon.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    }


class Emulator:
    """The emulator for one account. Import happens here, because it reads its settings while importing.

    `usage` collects what its services measure of all calls, those over the wire included.
    """

    def __init__(self, account_id: str, port: int, *, region: str = "us-west-2", host: str = "127.0.0.1") -> None:
        os.environ.update(_environment(account_id, region, host, port))
        from ministack.app import app

        emulator_cloudwatch.complete()
        emulator_queues.hasten()
        count_sizes()
        self.usage = Usage()
        self.app: ASGIApp = UsageFront(LogsFront(IamFront(app), account_id), self.usage)

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """Answer of one operation, named like `sqs.SendMessage`. Raises AwsCallFailed."""
        service, _, action = operation.partition(".")
        if service in QUERY_SERVICES:
            return await self._call_query(operation, payload, region)
        if service not in _PROTOCOLS:
            raise AwsCallFailed(operation, UNKNOWN_OPERATION, f"The sandbox does not call {service}.", 400)
        target, signing_name, content_type = _PROTOCOLS[service]
        body = json.dumps(payload, separators=(",", ":")).encode()
        headers = _headers(region, signing_name, content_type, body)
        headers.append((b"x-amz-target", f"{target}.{action}".encode()))
        status, answer = await self._request(headers, body)
        parsed: dict[str, Any] = json.loads(answer) if answer else {}
        if status >= 400:
            code = str(parsed.get("__type", "")).rpartition("#")[2] or str(status)
            message = str(parsed.get("message") or parsed.get("Message") or "")
            raise AwsCallFailed(operation, UNKNOWN_OPERATION if _UNKNOWN.match(message) else code, message, status)
        return parsed

    async def _call_query(self, operation: str, payload: dict[str, Any], region: str) -> dict[str, Any]:
        body = form_of(operation, payload)
        service = operation.partition(".")[0]
        status, answer = await self._request(
            _headers(region, service, "application/x-www-form-urlencoded; charset=utf-8", body), body
        )
        return answer_of(operation, status, answer)

    async def _request(self, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 0),
        }
        status = 500
        chunks: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return status, b"".join(chunks)


def _headers(region: str, signing_name: str, content_type: str, body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"host", b"127.0.0.1"),
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"authorization", _authorization(region, signing_name)),
    ]


def _authorization(region: str, service: str) -> bytes:
    """Enough of a signature for the emulator to see region and service; it does not verify signatures."""
    scope = f"SANDBOXINTERNAL/20260101/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode()
