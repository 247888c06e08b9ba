"""What the dashboard answers to whom, before its app sees it: by names, origins and what browsers say of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from starlette.types import Message, Receive, Scope, Send

from pages.frame import doors
from pages.frame.doors import FOREIGN_PAGE, WRONG_NAME, WebDoors
from services.app.access import OTHER_USER

HOST = "127.0.0.1:8501"
OWN = {"origin": f"http://{HOST}"}
FOREIGN = [
    {"origin": "http://127.0.0.1:8502"},
    {"origin": "http://localhost:8501"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {**OWN, "sec-fetch-site": "cross-site"},
    {**OWN, "sec-fetch-site": "same-site"},
]
WEBSOCKET = "websocket"


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The dashboard answers to three names, and what was in use before is again."""
    monkeypatch.setattr(doors, "in_use", False)
    before = st.get_option("server.allowedHosts")
    st.config.set_option("server.allowedHosts", ["localhost", "127.0.0.1", "*.ops.example.com"])
    yield
    st.config.set_option("server.allowedHosts", before)


async def knock(method: str, path: str, *more: tuple[str, str], secure: bool = False, **named: str) -> Any:
    """The scope that the app behind the doors gets for a request, or the status and text of the refusal."""
    headers = {"host": HOST} | {name.replace("_", "-"): value for name, value in named.items()}
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in (*headers.items(), *more)],
        "scheme": "https" if secure else "http",
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8501),
    }
    if method == WEBSOCKET:
        scope |= {"type": WEBSOCKET, "extensions": {"websocket.http.response": {}}}
        del scope["method"]
    inside: list[Scope] = []
    sent: list[Message] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        inside.append(scope)

    async def receive() -> Message:
        return {"type": f"{scope['type']}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await WebDoors(app)(scope, receive, send)
    if inside:
        return inside[0]
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent).decode()


async def let_in(method: str, path: str, *more: tuple[str, str], secure: bool = False, **named: str) -> bool:
    """Whether the app behind the doors sees the request."""
    return isinstance(await knock(method, path, *more, secure=secure, **named), dict)


@pytest.mark.parametrize("path", ["/", "/static/js/index.js", "/media/x.png", "/_stcore/health", "/live/updates", "/x"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8501", "user@127.0.0.1", "", "ops.example.com", "127.0.0.1:x"]
)
async def test_a_foreign_name_gets_nothing_at_all(path: str, host: str) -> None:
    assert await knock("GET", path, host=host) == (403, WRONG_NAME)


@pytest.mark.parametrize("host", [HOST, "localhost", "LOCALHOST.:8501", "a.ops.example.com"])
async def test_every_name_of_the_dashboard_is_answered(host: str) -> None:
    assert await let_in("GET", "/", host=host)


async def test_a_load_balancer_asks_for_health_by_the_machines_address() -> None:
    assert await let_in("GET", "/_stcore/health", host="10.0.0.5:8501")
    assert not await let_in("GET", "/_stcore/metrics", host="10.0.0.5:8501")


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", [WEBSOCKET, "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
async def test_a_foreign_page_opens_no_websocket_changes_nothing_and_reads_nothing(
    method: str, headers: dict[str, str]
) -> None:
    assert await knock(method, "/_stcore/upload_file/a/b", *headers.items()) == (403, FOREIGN_PAGE)


@pytest.mark.parametrize("method", [WEBSOCKET, "POST", "PUT", "DELETE"])
async def test_what_changes_something_needs_one_origin(method: str) -> None:
    assert await let_in(method, "/x", *OWN.items())
    assert not await let_in(method, "/x")
    assert not await let_in(method, "/x", *OWN.items(), *OWN.items())


async def test_two_names_are_none() -> None:
    assert not await let_in("GET", "/", ("host", HOST))


async def test_a_link_elsewhere_opens_a_page_and_does_not_sign_in_or_out() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    assert await let_in("GET", "/weather", *link.items())
    assert await let_in("GET", "/oauth2callback", *link.items())
    assert not await let_in("POST", "/weather", *link.items())
    assert not await let_in("GET", "/weather", *(link | {"sec-fetch-dest": "iframe"}).items())
    for path in ("/auth/login", "/auth/logout", "/ops/auth/logout"):
        assert not await let_in("GET", path, *link.items())
        assert await let_in("GET", path, *(link | {"sec-fetch-site": "same-origin"}).items())


async def test_where_the_server_speaks_https_its_pages_do_too() -> None:
    assert not await let_in("PUT", "/x", *OWN.items(), secure=True)
    assert await let_in("PUT", "/x", origin=f"https://{HOST}", secure=True)


async def test_the_page_is_told_of_another_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def marked() -> bool:
        scope = await knock(WEBSOCKET, "/_stcore/stream", *OWN.items())
        return OTHER_USER in {name.decode() for name, _ in scope["headers"]}

    monkeypatch.setattr(doors, "is_other_user", lambda client, server: client[1] != 40_000)
    assert not await marked()
    monkeypatch.setattr(doors, "is_other_user", lambda client, server: (client[1], server[1]) == (40_000, 8501))
    assert await marked()
