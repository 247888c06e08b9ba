"""The HTTP API that API destinations call, as a plain ASGI app.

    GET    /cache/{cache}?key                     200 with the bytes, 404
    PUT    /cache/{cache}?key&ttl_seconds         204, also when it overwrites
    DELETE /cache/{cache}?key                     204, also when there was nothing
    POST   /topics/{cache}/{topic}                204
    POST   /oauth/token                           200 with a token (the sandbox's own, see oauth.py)
    GET    /topics/{cache}/{topic}                200 with JSON, once there is a message (long poll)

Statuses follow facts/momento.md section 1. Assumed, because no public material tells: a `ttl_seconds` that is
missing, 0 or over a day is 400; a message posted as anything but octet-stream is text if it is UTF-8; binary
values in long-poll answers are base64 under "binary"; and the error body is the union of the shapes that
Momento's own tools read.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from sandbox.faults.board import FaultBoard
from sandbox.faults.targets import Wire
from sandbox.momento.caches import Caches
from sandbox.momento.deliveries import DeliveryLog
from sandbox.momento.errors import CacheNotFound, KeyNotFound, MomentoError, NotAuthenticated, NotFound
from sandbox.momento.http_faults import pause, suffer
from sandbox.momento.http_request import ClientGone, Message, Receive, Request, read_body, read_head
from sandbox.momento.keys import KeyRing
from sandbox.momento.limits import MAX_ITEM_BYTES, MAX_MESSAGE_BYTES, MAX_TOKEN_REQUEST_BYTES
from sandbox.momento.oauth import GrantRefused, TokenIssuer
from sandbox.momento.topics import Cursor, Discontinuity, Event, Topics

Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its media type ("" when there is no body), sent slowly when a fault says so."""

    status: int
    body: bytes = b""
    content_type: str = ""
    bytes_per_s: int | None = None


Handler = Callable[[Request], Awaitable[Answer]]

NO_CONTENT = Answer(204)

_TOKEN_ROUTE = "POST /oauth"
_PUBLISH_ROUTE = "POST /topics"

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class HttpApi:
    """The ASGI app. `requests` counts what was answered, by route and status ("PUT /cache 204").

    `deliveries` are those of API destinations that were answered with success.
    """

    def __init__(self, caches: Caches, topics: Topics, keys: KeyRing, tokens: TokenIssuer, faults: FaultBoard) -> None:
        self.requests: Counter[str] = Counter()
        self.deliveries = DeliveryLog()
        self._caches = caches
        self._topics = topics
        self._keys = keys
        self._tokens = tokens
        self._faults = faults
        self._routes: dict[tuple[str, int], Handler] = {
            ("GET /cache", 1): self._get_item,
            ("PUT /cache", 1): self._put_item,
            ("DELETE /cache", 1): self._delete_item,
            (_PUBLISH_ROUTE, 2): self._publish,
            ("GET /topics", 2): self._poll,
            (_TOKEN_ROUTE, 1): self._grant,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a client that has gone is not answered."""
        try:
            request = read_head(scope, receive)
        except MomentoError as error:
            await self._finish("other", _refusal(error), receive, send)
            return
        known = (request.route, len(request.names)) in self._routes
        try:
            request = await self._with_body(request)
            answer = await self._answer(request)
        except MomentoError as error:
            answer = _refusal(error)
        except ClientGone:
            return
        if (
            await self._finish(request.route if known else "other", answer, receive, send)
            and 200 <= answer.status < 300
        ):
            self.deliveries.note(request)

    async def _finish(self, route: str, answer: Answer, receive: Receive, send: Send) -> bool:
        """Send and count the answer. False when the client went before it had all of it."""
        try:
            await _send(answer, receive, send)
        except ClientGone:
            return False
        self.requests[f"{route} {answer.status}"] += 1
        return True

    async def _with_body(self, request: Request) -> Request:
        """The request as it is carried out. A body that nobody may send is not read, or read no further.

        Raises NotFound, NotAuthenticated, InvalidArgument, TooLarge and ClientGone.
        """
        if (request.route, len(request.names)) not in self._routes:
            raise NotFound("There is nothing at this path for this method")
        if request.route == _TOKEN_ROUTE:
            return await read_body(request, MAX_TOKEN_REQUEST_BYTES)
        if not self._is_known(request.token()):
            raise NotAuthenticated("Invalid or missing API key")
        return await read_body(request, MAX_MESSAGE_BYTES if request.route == _PUBLISH_ROUTE else MAX_ITEM_BYTES)

    async def _answer(self, request: Request) -> Answer:
        handler = self._routes[request.route, len(request.names)]
        if request.route == _TOKEN_ROUTE:
            fault = self._faults.hit(Wire.OAUTH, "token")
        else:
            fault = self._faults.hit(Wire.HTTP, request.route)
        if fault is None:
            return await handler(request)
        await suffer(fault, request)
        if fault.status is not None:
            answer = failure(fault.status, "A fault is switched on in the sandbox")
        else:
            answer = await handler(request)
        return replace(answer, bytes_per_s=fault.slow_body)

    def _is_known(self, token: str) -> bool:
        return self._keys.check(token) or self._tokens.check(token)

    async def _grant(self, request: Request) -> Answer:
        if request.names != ("token",):
            raise NotFound("There is nothing at this path for this method")
        authorization = request.headers.get(b"authorization", b"").decode("latin-1")
        try:
            return _json(200, self._tokens.grant(authorization, request.body))
        except GrantRefused as error:
            return _json(error.status, {"error": error.error})

    async def _get_item(self, request: Request) -> Answer:
        value = self._caches.open(request.names[0]).get(request.key())
        if value is None:
            raise KeyNotFound
        return Answer(200, value, "application/octet-stream")

    async def _put_item(self, request: Request) -> Answer:
        key, ttl_ms = request.key(), request.number("ttl_seconds") * 1000
        self._caches.open(request.names[0]).set(key, request.body, ttl_ms)
        return NO_CONTENT

    async def _delete_item(self, request: Request) -> Answer:
        key = request.key()
        self._caches.open(request.names[0]).delete(key)
        return NO_CONTENT

    async def _publish(self, request: Request) -> Answer:
        cache, topic = request.names
        self._caches.open(cache)
        self._topics.publish(cache, topic, _message_value(request))
        return NO_CONTENT

    async def _poll(self, request: Request) -> Answer:
        cache, name = request.names
        resume, page = request.number("sequence_number", 0), request.number("sequence_page", 0)
        self._caches.open(cache)
        self._topics.check_room()
        topic = self._topics.open(cache, name)
        cursor = Cursor(topic, resume, page)
        wake = asyncio.Event()
        gone = asyncio.ensure_future(request.receive())
        gone.add_done_callback(lambda _: wake.set())
        try:
            with topic.watch(wake.set):
                while not (events := cursor.take()):
                    await wake.wait()
                    if gone.done():
                        raise ClientGone
                    if topic.closed:
                        raise CacheNotFound
                    wake.clear()
        finally:
            gone.cancel()
        return _json(200, {"items": [_event(event) for event in events]})


def refusal_of_the_port(status: int, details: str) -> tuple[str, bytes]:
    """Media type and body of what the port answers by itself, to a request that never becomes one."""
    answer = failure(status, details)
    return answer.content_type, answer.body


def failure(status: int, details: str, err: str = "") -> Answer:
    """An error as JSON; `err` names the limit or the thing that is missing, as gRPC's trailing metadata does."""
    title = _PHRASES.get(status, "Error")
    body = {"status": status, "title": title, "code": title.replace(" ", ""), "message": details, "detail": details}
    return _json(status, body | {"err": err} if err else body)


def _refusal(error: MomentoError) -> Answer:
    return failure(error.http_status, error.details, error.err)


def _json(status: int, content: Any) -> Answer:
    return Answer(status, json.dumps(content).encode(), "application/json")


def _message_value(request: Request) -> str | bytes:
    if request.is_binary:
        return request.body
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return request.body


def _event(event: Event) -> dict[str, Any]:
    if isinstance(event, Discontinuity):
        gap = {
            "last_topic_sequence": event.last,
            "new_topic_sequence": event.new,
            "new_sequence_page": event.page,
        }
        return {"discontinuity": gap}
    if isinstance(event.value, str):
        value = {"text": event.value}
    else:
        value = {"binary": base64.b64encode(event.value).decode()}
    numbers = {"topic_sequence_number": event.sequence, "sequence_page": event.page}
    return {"item": numbers | {"value": value}}


async def _send(answer: Answer, receive: Receive, send: Send) -> None:
    if answer.status in (204, 304):
        await send({"type": "http.response.start", "status": answer.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.bytes_per_s is not None:
        await _send_slowly(answer.body, answer.bytes_per_s, receive, send)
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _send_slowly(body: bytes, bytes_per_s: int, receive: Receive, send: Send) -> None:
    """Ten pieces a second; a byte at a time when it is slower than that. Raises ClientGone."""
    piece = max(1, bytes_per_s // 10)
    for start in range(0, len(body), piece):
        await pause(piece / bytes_per_s, receive)
        await send({"type": "http.response.body", "body": body[start : start + piece], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
