"""Requests that botocore has signed, and an ASGI app asked with them: what tests of the AWS port's door share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY_ID = "SANDBOX0123456789AB"
SECRET = "a-secret-that-only-this-run-knows"
HOST = "127.0.0.1:4566"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass
class Sent:
    """A request as it goes over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def replaced(self, name: str, value: str) -> Sent:
        """The same with one header changed, after it was signed."""
        kept = [each for each in self.headers if each[0].lower() != name.lower()]
        return Sent(self.method, self.target, [*kept, (name, value)], self.body)

    def added(self, name: str, value: str) -> Sent:
        """The same with one more header, after it was signed."""
        return Sent(self.method, self.target, [*self.headers, (name, value)], self.body)


def signed(
    service: str,
    method: str = "POST",
    target: str = "/",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    host: str = HOST,
    region: str = "us-west-2",
) -> Sent:
    """A request with botocore's signature in its header."""
    request = AWSRequest(method, f"http://{host}{target}", {"Host": host, **(headers or {})}, body)
    SigV4Auth(Credentials(key_id, secret), service, region).add_auth(request)
    return Sent(method, target, [(name, str(value)) for name, value in request.headers.items()], body)


def presigned(service: str, target: str, expires: int = 60, method: str = "GET") -> Sent:
    """A request with botocore's signature in its query."""
    request = AWSRequest(method, f"http://{HOST}{target}", {"Host": HOST})
    SigV4QueryAuth(Credentials(KEY_ID, SECRET), service, "us-west-2", expires=expires).add_auth(request)
    address = urlsplit(str(request.url))
    return Sent(method, f"{address.path}?{address.query}", [("Host", HOST)])


def json_call(service: str, operation: str, body: bytes = b"{}", **options: Any) -> Sent:
    """A call in AWS's JSON."""
    return signed(service, body=body, headers={"X-Amz-Target": operation}, **options)


def form_call(service: str, form: str, **options: Any) -> Sent:
    """A call in AWS's query protocol."""
    return signed(service, body=form.encode(), headers={"Content-Type": FORM}, **options)


@dataclass
class Recorder:
    """The app behind a door: notes what reached it, and answers as the emulator does, open to every web page."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        headers = [(b"content-length", b"2"), (b"Access-Control-Allow-Origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


@dataclass(frozen=True)
class Answer:
    """What an app has answered, and how many bytes of the body it took for that."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    taken: int


def ask(app: ASGIApp, sent: Sent, pieces: list[bytes] | None = None) -> Answer:
    """The app's answer to a request, whose body comes in `pieces` when given."""
    path, _, query = sent.target.partition("?")
    scope: Scope = {
        "type": "http",
        "method": sent.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.headers],
    }
    left = list(pieces if pieces is not None else [sent.body])
    answered: list[Message] = []
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        piece = left.pop(0)
        taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Message) -> None:
        answered.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start, *rest = answered
    return Answer(start["status"], dict(start["headers"]), b"".join(each["body"] for each in rest), taken)
