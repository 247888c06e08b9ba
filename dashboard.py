"""What `streamlit run dashboard.py` gets: the app, with what lives as long as the process and the security headers.

The pages are in `pages/`; `pages/navigation.py` is the script that Streamlit runs for each viewer.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import FrameType

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import DashboardError, NotConfigured
from pages.frame.bounds import VisitorBounds
from pages.frame.doors import WebDoors
from pages.live_topic import route
from services.app.runtime import registry
from services.live.broadcast import LiveHub

logger = logging.getLogger("dashboard")

#: What the first viewer would otherwise wait for (about a second, facts/streamlit.md section 2.4).
_WARM = ("pandas", "pyarrow", "altair")

_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; "
        # The hash is that of the one inline script in Streamlit's page: `window.prerenderReady = false`.
        "script-src 'self' 'wasm-unsafe-eval' 'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='; "
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


class SecurityHeaders:
    """Adds the headers to every HTTP answer; Streamlit sends none of them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _warm_up() -> None:
    """Starts the runtime and imports what pages need; then keeps all of it out of every later garbage collection."""
    for module in _WARM:
        importlib.import_module(module)
    with suppress(DashboardError):
        registry().current().connect_when_ready()
    gc.collect()
    gc.freeze()


hub = LiveHub(lambda: registry().current().pipeline().feed)


@contextmanager
def _streams_end_first(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Ends the live streams at the signal to stop: the server waits for its connections before it ends the lifespan."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end_streams(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hub.close)
        handle = before[signal.Signals(number)]
        if callable(handle):
            handle(number, frame)

    for number in before:
        signal.signal(number, end_streams)
    try:
        yield
    finally:
        for number, handle in before.items():
            signal.signal(number, handle)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Owns the runtime: the sandbox child, the topic subscription and every connection."""
    try:
        registry().current()
    except NotConfigured as error:
        # Said on every page as well; the app stays up to say it.
        logger.error("%s", error)
    warming = asyncio.create_task(asyncio.to_thread(_warm_up))
    try:
        with _streams_end_first(asyncio.get_running_loop()):
            yield
    finally:
        hub.close()
        await asyncio.to_thread(registry().close)
        await warming


app = st.App(
    Path(__file__).parent / "pages" / "navigation.py",
    lifespan=lifespan,
    routes=[route.route(hub)],
    middleware=[Middleware(SecurityHeaders), Middleware(WebDoors), Middleware(VisitorBounds)],
)
