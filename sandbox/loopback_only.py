"""Keeps web pages out of the sandbox's ports: what a browser sends for a page is refused.

A page anywhere can make its viewer's browser call 127.0.0.1, with or without a script: an image, a form, a fetch. No
AWS SDK and no command line sends an Origin header, or says that a page is asking (Sec-Fetch-Site), and all of them
name the host that they were given. The ports have doors of their own behind this one: signatures, and a token.
"""

from __future__ import annotations

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
#: What browsers say of a request that no page of another site makes. Node's fetch sends a mode, and no site.
_OWN_SITES = frozenset({b"none", b"same-origin"})
_PAGE_MODES = frozenset({b"no-cors", b"websocket"})


class LoopbackOnly:
    """Passes on what comes from this machine's own programs, under this machine's own names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(scope)):
            closing = {"Connection": "close"}
            await PlainTextResponse(reason, status_code=403, headers=closing)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(scope: Scope) -> str:
    """Why a request is refused, or ""."""
    hosts = []
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin" or _is_of_a_page(name, value):
            return "Requests of web pages are refused."
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return "This host name is not one of this machine's own: use 127.0.0.1 or localhost."
    return ""


def _is_of_a_page(name: bytes, value: bytes) -> bool:
    if name == b"sec-fetch-site":
        return value not in _OWN_SITES
    if name == b"sec-fetch-mode":
        return value in _PAGE_MODES
    return name == b"access-control-request-method"
