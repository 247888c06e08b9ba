"""What one visitor of the dashboard's port may take: connections, bodies, frames, sessions and file descriptors.

    a connection      core/bounded_http.py: how many, and how long a request may take to arrive
    a body            LARGEST_BODY, whatever Content-Length says; 413 once it is more
    an uploaded file  MOST_UPLOADS of all sessions together wait in memory for their pages; 429 once there are more
    a frame           LARGEST_FRAME, refused by its length before it is read
    a session         MOST_SESSIONS, and none without descriptors to spare; 503 in words
    an ended session  kept KEPT_S for a browser that comes back, the newest MOST_ENDED of them

`/_stcore/health` is 503 while another viewer would be refused: it says whether the dashboard can be used.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

from core import descriptors
from core.bounded_http import BoundedConnection, Bounds

logger = logging.getLogger(__name__)

#: A CSV file of 1 MB with what a form puts around it.
LARGEST_BODY = 2 * 1024 * 1024
#: The edits of one page of records are some kB. Streamlit's own limit is for what it sends, too, so it is larger.
LARGEST_FRAME = 4 * 1024 * 1024
#: A page takes its file within a second, and holds it while it is shown.
MOST_UPLOADS = 100
MOST_SESSIONS = 500
#: Streams of the live topic and websockets are connections, too.
MOST_CONNECTIONS = 4_000
#: Descriptors that no visitor gets: they are for AWS, Momento, files, and for answering "full".
SPARE = 48
#: Streamlit keeps what an ended session has for its browser to come back. Each has three descriptors: Streamlit makes
#: an event loop per session, and forgets an old one only when another ends.
KEPT_S = 100.0
MOST_ENDED = 64
_RETRY_AFTER_S = 30


class VisitorBounds:
    """The middleware: what it refuses reaches neither Streamlit nor a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._sessions = 0
        self._ended_since: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                # Before the sandbox is started, which inherits the limit.
                descriptors.raise_limit()
                _bound_the_port(receive)
                await self._app(scope, receive, send)
            case "websocket":
                await self._serve_session(scope, receive, send)
            case _:
                await self._serve_request(scope, receive, send)

    async def _serve_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal()
        if refusal:
            await receive()
            await _answer(send, 503, refusal, "websocket.http.response")
            return
        self._sessions += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sessions -= 1
            self._let_ended_go()
            asyncio.get_running_loop().call_later(KEPT_S + 1, self._let_ended_go)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        asks_for_a_place = path.endswith(("/_stcore/health", "/live/updates"))
        refusal = self._refusal() if asks_for_a_place else ""
        if refusal:
            await _answer(send, 503, refusal)
            return
        if "/_stcore/upload_file/" in path and scope["method"] != "DELETE" and _uploads() >= MOST_UPLOADS:
            await _answer(send, 429, f"{MOST_UPLOADS} uploaded files are in memory. Close pages that have some.")
            return
        body = _BoundedBody(receive, send)
        if _declared_length(scope) > LARGEST_BODY:
            await body.refuse()
            return
        try:
            await self._app(scope, body.receive, body.send)
        except _BodyTooLarge:
            await body.refuse()

    def _refusal(self) -> str:
        """Why there is no place for another viewer, or ""."""
        if self._sessions >= MOST_SESSIONS:
            return f"The dashboard is full: {self._sessions:,} pages are open. Close some, or try again later."
        if descriptors.left() < SPARE:
            return (
                f"The dashboard has no file descriptors to spare: its limit is {descriptors.limit():,} (`ulimit -n`), "
                f"and {self._sessions:,} pages are open. Close some, or start it with a higher limit."
            )
        return ""

    def _let_ended_go(self) -> None:
        """Closes sessions that have ended: those of more than KEPT_S ago, and the oldest beyond MOST_ENDED."""
        if not runtime.exists():
            return
        streamlit = runtime.get_instance()
        # The manager is not public; its `list_sessions` and the runtime's methods are.
        known = [each.session.id for each in streamlit._session_mgr.list_sessions()]
        now = time.monotonic()
        ended = {each: self._ended_since.get(each, now) for each in known if not streamlit.is_active_session(each)}
        # A session takes four descriptors while it is open and three afterwards; those that are open come first.
        most = min(MOST_ENDED, descriptors.limit() // 16)
        oldest_first = sorted(ended, key=ended.__getitem__)
        for number, each in enumerate(oldest_first):
            if number < len(oldest_first) - most or now - ended[each] > KEPT_S:
                streamlit.close_session(each)
                del ended[each]
        self._ended_since = ended


class _BodyTooLarge(Exception):
    """Raised in place of the piece of a body that is one too many."""


class _BoundedBody:
    """The two directions of one request, with the bytes of its body counted."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._size = 0
        self._answered = False

    async def receive(self) -> Message:
        """The next message. Raises _BodyTooLarge."""
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > LARGEST_BODY:
            raise _BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        """Passes the app's answer on."""
        self._answered = True
        await self._send(message)

    async def refuse(self) -> None:
        """413, unless the app has begun to answer; the connection then ends as it is."""
        if not self._answered:
            await _answer(self._send, 413, f"A request's body may have {LARGEST_BODY:,} bytes.")


async def _answer(send: Send, status: int, words: str, kind: str = "http.response") -> None:
    body = words.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if status in (429, 503):
        headers.append((b"retry-after", str(_RETRY_AFTER_S).encode()))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _uploads() -> int:
    """How many uploaded files Streamlit holds, those that no page ever asked for included."""
    if not runtime.exists():
        return 0
    held: dict[str, dict[str, object]] = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    # A copy: sessions that end take their files out in threads of their own.
    return sum(len(files) for files in list(held.values()))


def _declared_length(scope: Scope) -> int:
    """What Content-Length says; the parser has refused what is no number."""
    return int(dict(scope["headers"]).get(b"content-length", b"0"))


class _DashboardConnection(BoundedConnection):
    """A connection of the dashboard's port; its bounds are known once the limit of descriptors is."""


def _bound_the_port(receive: Callable[[], Awaitable[Message]]) -> None:
    """Has uvicorn serve this port with bounded connections. Streamlit makes its configuration and offers no way in."""
    config = getattr(getattr(receive, "__self__", None), "config", None)
    if not isinstance(config, uvicorn.Config):
        logger.warning("The server is not uvicorn: connections are bounded by whatever serves this app.")
        return
    _DashboardConnection.bounds = Bounds(connections=min(MOST_CONNECTIONS, descriptors.limit() // 2))
    # The port is opened after the lifespan has begun, with what the configuration says then.
    config.http_protocol_class = _DashboardConnection
    config.ws_max_size = LARGEST_FRAME
