"""What `streamlit run dashboard.py` gets: the app, with what lives as long as the process and the security headers.

The pages are in `pages/`; `pages/navigation.py` is the script that Streamlit runs for each viewer.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.errors import NotConfigured
from services.runtime import registry

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
    with suppress(NotConfigured):
        registry().current().connect_when_ready()
    gc.collect()
    gc.freeze()


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
        yield
    finally:
        await asyncio.to_thread(registry().close)
        await warming


app = st.App(
    Path(__file__).parent / "pages" / "navigation.py",
    lifespan=lifespan,
    middleware=[Middleware(SecurityHeaders)],
)
