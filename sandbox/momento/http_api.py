"""The HTTP API that API destinations call, as a plain ASGI app.

    GET    /cache/{cache}?key                     200 with the bytes, 404
    PUT    /cache/{cache}?key&ttl_seconds         204, also when it overwrites
    DELETE /cache/{cache}?key                     204, also when there was nothing
    POST   /topics/{cache}/{topic}                204
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
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sandbox.momento.caches import Caches
from sandbox.momento.errors import CacheNotFound, KeyNotFound, MomentoError, NotAuthenticated, NotFound
from sandbox.momento.faults import FaultBoard
from sandbox.momento.http_request import ClientGone, Message, Receive, Request, read_request
from sandbox.momento.keys import KeyRing
from sandbox.momento.topics import Cursor, Discontinuity, Event, Topics

Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its media type ("" when there is no body)."""

    status: int
    body: bytes = b""
    content_type: str = ""


NO_CONTENT = Answer(204)

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class HttpApi:
    """The ASGI app. `requests` counts what was answered, by route and status ("PUT /cache 204")."""

    def __init__(self, caches: Caches, topics: Topics, keys: KeyRing, faults: FaultBoard) -> None:
        self.requests: Counter[str] = Counter()
        self._caches = caches
        self._topics = topics
        self._keys = keys
        self._faults = faults
        self._routes: dict[tuple[str, int], Callable[[Request], Awaitable[Answer]]] = {
            ("GET /cache", 1): self._get_item,
            ("PUT /cache", 1): self._put_item,
            ("DELETE /cache", 1): self._delete_item,
            ("POST /topics", 2): self._publish,
            ("GET /topics", 2): self._poll,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a client that has gone is not answered."""
        route = "other"
        try:
            request = await read_request(scope, receive)
            if (request.route, len(request.names)) in self._routes:
                route = request.route
            answer = await self._answer(request)
        except MomentoError as error:
            answer = failure(error.http_status, error.details, error.err)
        except ClientGone:
            return
        self.requests[f"{route} {answer.status}"] += 1
        await _send(answer, send)

    async def _answer(self, request: Request) -> Answer:
        handler = self._routes.get((request.route, len(request.names)))
        if handler is None:
            raise NotFound("There is nothing at this path for this method")
        fault = self._faults.hit(request.route)
        if fault is not None:
            await _pause(fault.delay_ms, request.receive)
            if fault.status is not None:
                return failure(fault.status, "A fault is switched on in the sandbox")
        if not self._keys.check(request.token()):
            raise NotAuthenticated("Invalid or missing API key")
        return await handler(request)

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


def failure(status: int, details: str, err: str = "") -> Answer:
    """An error as JSON; `err` names the limit or the thing that is missing, as gRPC's trailing metadata does."""
    title = _PHRASES.get(status, "Error")
    body = {"status": status, "title": title, "code": title.replace(" ", ""), "message": details, "detail": details}
    return _json(status, body | {"err": err} if err else body)


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


async def _pause(delay_ms: int, receive: Receive) -> None:
    """Wait, unless the client goes first: then raises ClientGone."""
    if delay_ms:
        try:
            async with asyncio.timeout(delay_ms / 1000):
                await receive()
        except TimeoutError:
            return
        raise ClientGone


async def _send(answer: Answer, send: Send) -> None:
    if answer.status in (204, 304):
        await send({"type": "http.response.start", "status": answer.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
