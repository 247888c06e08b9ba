"""The stream's route: who may open it, what it refuses in words, and that its end is noticed on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import streamlit as st

from pages.live_topic import route
from services.live.broadcast import LiveHub, PushTiming
from tests.support.live_feed import LocalFeed

HOST = "127.0.0.1:8501"
QUICK = PushTiming(interval_s=0.01, look_s=0.05, beat_s=60, patience_s=0.1)


@pytest.fixture(autouse=True)
def allowed_hosts() -> Iterator[None]:
    """The names that the dashboard answers to, as .streamlit/config.toml has them."""
    before = st.get_option("server.allowedHosts")
    st.config.set_option("server.allowedHosts", ["localhost", "127.0.0.1"])
    yield
    st.config.set_option("server.allowedHosts", before)


@pytest.fixture
def hub() -> LiveHub:
    return LiveHub(LocalFeed, QUICK, most_viewers=0)


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    text: str


async def get(hub: LiveHub, query: str = "", **headers: str) -> Answer:
    """The answer to a request that gets no stream: the hub of these tests has no place for a viewer."""
    connection = Connection(query, {name.replace("_", "-"): value for name, value in headers.items()})
    await connection.serve(hub)
    start, body = await connection.next(), await connection.next()
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, body["body"].decode())


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8501"},
        {"host": "user@127.0.0.1:8501"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": f"http://{HOST}", "sec_fetch_site": "cross-site"},
    ],
)
async def test_another_page_or_another_name_gets_nothing(hub: LiveHub, headers: dict[str, str]) -> None:
    answer = await get(hub, **headers)

    assert answer.status == 403
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{HOST}"}, {"sec_fetch_site": "same-origin"}, {"host": "localhost:8501"}]
)
async def test_the_dashboards_own_page_is_let_in_as_far_as_there_is_room(hub: LiveHub, headers: dict[str, str]) -> None:
    answer = await get(hub, **headers)

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "live views are open already" in answer.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("window=9m", "There is no such window."),
        ("type=DROP", "There is no such type of event."),
        ("page=1", "There is a parameter that a view does not have."),
        ("location=" + "x" * 30_000, "The address is too long."),
    ],
)
async def test_a_query_that_is_no_view_is_refused_in_words(hub: LiveHub, query: str, words: str) -> None:
    answer = await get(hub, query)

    assert (answer.status, answer.text.startswith(words)) == (400, True)


async def test_the_head_of_a_stream_is_not_a_stream() -> None:
    hub, connection = LiveHub(LocalFeed, QUICK), Connection()
    connection.scope["method"] = "HEAD"

    await connection.serve(hub)

    assert (await connection.next())["status"] == 405
    assert hub.viewers == 0


class Connection:
    """A connection as the server gives it to the app; one that is `stuck` never reads."""

    def __init__(self, query: str = "window=1m", headers: dict[str, str] | None = None, stuck: bool = False) -> None:
        sent = {"host": HOST, **(headers or {})}
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": route.path(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("127.0.0.1", 8501),
            "scheme": "http",
        }
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._stuck = stuck
        self._requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._requests.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def receive(self) -> dict[str, Any]:
        return await self._requests.get()

    async def send(self, message: dict[str, Any]) -> None:
        if self._stuck and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.sent.put_nowait(message)

    def hang_up(self) -> None:
        """The browser leaves."""
        self._requests.put_nowait({"type": "http.disconnect"})

    def serve(self, hub: LiveHub) -> asyncio.Task[None]:
        """The app's work on this connection."""
        return asyncio.create_task(route.route(hub).app(self.scope, self.receive, self.send))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), 10)


async def test_a_stream_begins_at_once_and_a_browser_that_leaves_is_forgotten() -> None:
    hub, connection = LiveHub(LocalFeed, QUICK), Connection()
    serving = connection.serve(hub)

    start = await connection.next()
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert (start["status"], headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert "content-length" not in headers
    assert (await connection.next())["body"].startswith(b"retry: ")
    assert (await connection.next())["body"].startswith(b"event: picture\n")
    assert hub.viewers == 1

    connection.hang_up()

    await asyncio.wait_for(serving, 10)
    assert hub.viewers == 0


async def test_when_the_server_ends_its_streams_end_as_answers_do() -> None:
    hub, connection = LiveHub(LocalFeed, QUICK), Connection()
    serving = connection.serve(hub)
    for _ in range(3):
        await connection.next()

    hub.close()

    assert await connection.next() == {"type": "http.response.body", "body": b"", "more_body": False}
    await asyncio.wait_for(serving, 10)


async def test_one_who_reads_nothing_cannot_hold_the_server_up() -> None:
    hub, connection = LiveHub(LocalFeed, QUICK), Connection(stuck=True)
    serving = connection.serve(hub)
    await connection.next()

    hub.close()

    await asyncio.wait_for(serving, 10)
    assert hub.viewers == 0


@pytest.mark.parametrize(
    ("base", "path"), [("", "/live/updates"), ("ops", "/ops/live/updates"), ("/a/b/", "/a/b/live/updates")]
)
def test_the_stream_is_below_the_base_path_of_the_dashboard(hub: LiveHub, base: str, path: str) -> None:
    before = st.get_option("server.baseUrlPath")
    st.config.set_option("server.baseUrlPath", base)
    try:
        assert route.path() == route.route(hub).path == path
    finally:
        st.config.set_option("server.baseUrlPath", before)
