"""Whom the dashboard answers at all: those who ask under one of its names, from one of its own pages.

    asked under another name             nothing (a page elsewhere may aim a name of its own at this machine)
    a websocket, or a changing method    only with the Origin of the dashboard itself: browsers always send one there
    anything else with an Origin         only with that of the dashboard
    no Origin, but Sec-Fetch-Site        same-origin or none (a bookmark, a typed address)
    a link or redirect from elsewhere    opens a page, but neither signs in nor out

Streamlit looks at the Host and the Origin of its websocket alone, and takes every port of localhost for its own.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.names import LOOPBACK
from services.app.access import OTHER_USER
from services.app.origins import is_address, same_origin
from services.app.peers import is_other_user

WRONG_NAME = "The dashboard does not answer to this name: see server.allowedHosts in .streamlit/config.toml."
FOREIGN_PAGE = "Only the dashboard's own pages may ask for this."

_READING = ("GET", "HEAD")
#: Says "ok" and no more. A load balancer asks for it by the machine's address.
_HEALTH = "/_stcore/health"
#: Addresses that change who is signed in, although a browser opens them as it opens a page.
_SIGN_IN_AND_OUT = ("/auth/login", "/auth/logout")

#: Whether every page of this process comes through these doors, and so has headers. Tests run pages without a server.
in_use = False


class WebDoors:
    """Refuses what comes under a foreign name or from a foreign page, before anything of the app sees it."""

    def __init__(self, app: ASGIApp) -> None:
        global in_use
        self._app, in_use = app, True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif refusal := _refusal(scope):
            await PlainTextResponse(refusal, 403, {"cache-control": "no-store"})(scope, receive, send)
        else:
            marked = scope["type"] == "websocket" and await asyncio.to_thread(_is_of_other_user, scope)
            await self._app(_marked(scope) if marked else scope, receive, send)


def _refusal(scope: Scope) -> str:
    """Why a request or websocket of this scope gets nothing, or ""."""
    headers, path = Headers(scope=scope), str(scope["path"])
    if wrong_name(headers) and not (path.endswith(_HEALTH) and is_address(headers.get("host", ""))):
        return WRONG_NAME
    method = "" if scope["type"] == "websocket" else scope["method"]
    if method in _READING and _opens_a_page(headers) and not path.endswith(_SIGN_IN_AND_OUT):
        return ""
    reads = method in (*_READING, "OPTIONS")
    return FOREIGN_PAGE if foreign_page(headers, is_secure(scope), needs_origin=not reads) else ""


def wrong_name(headers: Headers) -> bool:
    """Whether a request with these headers is for another name than those of `server.allowedHosts`."""
    hosts = headers.getlist("host")
    return len(hosts) != 1 or not is_host_allowed(hosts[0])


def foreign_page(headers: Headers, secure: bool, needs_origin: bool) -> bool:
    """Whether a request with these headers comes from a page that is not the dashboard's.

    `secure` says that it came by https; one without an Origin is taken for foreign when it `needs_origin`.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origins = headers.getlist("origin")
    if not origins:
        return needs_origin
    return len(origins) > 1 or not same_origin(origins[0], headers.get("host", ""), secure)


def is_secure(scope: Scope) -> bool:
    """Whether it came by https: to the server itself, or to a proxy that the server was told to believe."""
    return scope.get("scheme") in ("https", "wss")


def _opens_a_page(headers: Headers) -> bool:
    """Whether a browser asks for it to show it in a tab of its own, where the page that led there cannot read it."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _is_of_other_user(scope: Scope) -> bool:
    """Whether another user of this machine made the connection."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server or client[0] not in LOOPBACK:
        return False
    return is_other_user(tuple(client), tuple(server))


def _marked(scope: Scope) -> Scope:
    """The scope with a header for `pages.frame.access`: a page sees nothing of its connection but the headers."""
    return {**scope, "headers": [*scope["headers"], (OTHER_USER.encode(), b"1")]}
