"""Keeps web pages out of the sandbox's ports: what a browser sends for another site is refused.

The ports have no sign-in worth the name, and a page anywhere can make its viewer's browser call 127.0.0.1. No AWS
SDK and no command line sends an Origin header, and all of them name the host that they were given.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
#: Paths of the emulator's own administration: reset, settings, stored messages.
_PRIVATE = ("/_ministack", "/_localstack", "/_aws")


class LoopbackOnly:
    """Passes on what comes from this machine's own programs, under this machine's own names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(scope)):
            await PlainTextResponse(reason, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(scope: Scope) -> str:
    """Why a request is refused, or ""."""
    headers = {name: value for name, value in scope["headers"] if name in (b"host", b"origin")}
    if b"origin" in headers and not _is_ours(headers[b"origin"].decode("latin-1")):
        return "Requests of web pages are refused."
    if b"host" in headers and not _is_ours("//" + headers[b"host"].decode("latin-1")):
        return "This host name is not one of this machine's own."
    if scope["path"].startswith(_PRIVATE):
        return "The emulator's own administration is closed."
    return ""


def _is_ours(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return name in _NAMES or name.endswith(".localhost")
