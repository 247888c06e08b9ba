"""`/live/updates`: the stream of a view of the live topic, for the board on the page of that name.

The same people may open it as the page: whoever reaches the dashboard under one of its names, from a page of its own.
`web_doors` sees to that for all that the app answers; the stream is stricter: nobody opens it as a page.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core.errors import InvalidInput, Throttled
from pages.frame import doors
from services.live import address
from services.live.broadcast import LiveHub, Viewer

_PATH = "/live/updates"
#: A longer query cannot be one of ours: twelve locations of 128 characters, each of up to twelve bytes in an address.
LONGEST_QUERY = 20_000
RETRY_AFTER_S = 30

_HEADERS = {
    "cache-control": "no-store",
    # For proxies that would collect the stream before they pass it on.
    "x-accel-buffering": "no",
}


def path() -> str:
    """Where the stream is: below `server.baseUrlPath`, as Streamlit's own addresses are."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{_PATH}" if base else _PATH


def route(hub: LiveHub) -> Route:
    """The route of the app that serves this hub's views."""

    async def updates(request: Request) -> Response:
        if request.method != "GET":
            # Starlette adds HEAD to GET, and the head of a stream would be a stream.
            return PlainTextResponse("Only GET is answered.", 405, {**_HEADERS, "allow": "GET"})
        refusal = _refusal(request)
        if refusal:
            return PlainTextResponse(refusal, 403, _HEADERS)
        if len(request.url.query) > LONGEST_QUERY:
            return PlainTextResponse("The address is too long.", 400, _HEADERS)
        try:
            viewer = hub.join(address.parse(request.query_params.multi_items()))
        except InvalidInput as error:
            return PlainTextResponse(str(error), 400, _HEADERS)
        except Throttled as error:
            return PlainTextResponse(str(error), 503, {**_HEADERS, "retry-after": str(RETRY_AFTER_S)})
        return _Stream(hub, viewer)

    return Route(path(), updates, methods=["GET"])


def _refusal(request: Request) -> str:
    """Why a request gets nothing, or ""."""
    if doors.wrong_name(request.headers):
        return doors.WRONG_NAME
    opened = request.headers.get("sec-fetch-site") == "none"
    if opened or doors.foreign_page(request.headers, doors.is_secure(request.scope), needs_origin=False):
        return doors.FOREIGN_PAGE
    return ""


class _Stream(Response):
    """Sends what the hub has for a viewer until either of them leaves."""

    media_type = "text/event-stream"

    def __init__(self, hub: LiveHub, viewer: Viewer) -> None:
        super().__init__(None, 200, _HEADERS)
        # The end of the stream is not known beforehand.
        del self.headers["content-length"]
        self._hub = hub
        self._viewer = viewer

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        parts = {sending, asyncio.create_task(_until_gone(receive)), asyncio.create_task(self._viewer.gone.wait())}
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            if self._viewer.ended and not sending.done():
                # One who reads gets a proper end; one who does not read would hold it up for ever.
                await asyncio.wait({sending}, timeout=0.2)
        finally:
            self._hub.leave(self._viewer)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # A browser's stream is open once something came; the pause is the one before it connects again.
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        while (message := await self._viewer.take()) is not None:
            await send({"type": "http.response.body", "body": message, "more_body": True})
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    """Returns when the browser has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
