"""Who gets in where: a page of another port in a real browser, foreign names, proxies, and what tables offer."""

from __future__ import annotations

import asyncio
import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.support.viewer import open_page

#: What a page gets from each of the dashboard's doors, at the address that it is given.
_KNOCK = """async (url) => {
    const websocket = new Promise((done) => {
        const socket = new WebSocket(url.replace("http", "ws") + "/_stcore/stream", "streamlit");
        socket.onopen = () => { socket.close(); done("open"); };
        socket.onerror = () => done("refused");
    });
    const stream = new Promise((done) => {
        const source = new EventSource(url + "/live/updates?window=1m");
        source.onopen = () => { source.close(); done("open"); };
        source.onerror = () => { source.close(); done("refused"); };
    });
    const image = new Promise((done) => {
        const shown = new Image();
        shown.onload = () => done("open");
        shown.onerror = () => done("refused");
        // A name of its own: what the browser has kept of the dashboard is not asked for.
        shown.src = url + "/favicon.png?" + Math.random();
    });
    const upload = fetch(url + "/_stcore/upload_file/a/b", {method: "PUT", mode: "no-cors"})
        .then((answer) => answer.status === 403 ? "refused" : "open", () => "refused");
    return Promise.all([websocket, stream, image, upload]);
}"""


class _EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a page on another port of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_page_on_another_port_gets_nothing(page: Page, dashboard_url: str, elsewhere: str) -> None:
    page.goto(elsewhere)
    assert page.evaluate(_KNOCK, dashboard_url) == ["refused"] * 4

    # A link there still opens the dashboard, whose own page is let in.
    page.evaluate("url => location.assign(url)", f"{dashboard_url}/stack")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stack")
    assert page.evaluate(_KNOCK, dashboard_url)[:3] == ["open"] * 3


@pytest.mark.parametrize("path", ["/", "/favicon.png", "/_stcore/health", "/_stcore/host-config", "/live/updates"])
def test_under_a_foreign_name_nothing_is_served(dashboard_url: str, path: str) -> None:
    request = urllib.request.Request(f"{dashboard_url}{path}", headers={"host": "rebound.example"})

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)

    assert refused.value.code == 403
    assert refused.value.headers["content-security-policy"]
    refused.value.close()


async def shown_through(url: str, headers: dict[str, str]) -> bytes:
    """All that the server sends for the page Sandbox over a websocket with these headers."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(address, protocols=("streamlit",), max_msg_size=0, origin=url) as socket,
    ):
        ask = BackMsg()
        ask.rerun_script.page_name = "sandbox"
        await socket.send_bytes(ask.SerializeToString())
        sent = b""
        while True:
            content = await socket.receive_bytes(timeout=60)
            sent += content
            if ForwardMsg.FromString(content).WhichOneof("type") == "script_finished":
                return sent


def seen(url: str, headers: dict[str, str]) -> bytes:
    """The same, beside Playwright's loop."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, shown_through(url, headers)).result()


def test_who_comes_through_a_proxy_reads_whatever_host_it_names(dashboard_url: str) -> None:
    through = seen(dashboard_url, {"X-Forwarded-For": "203.0.113.9"})
    assert b"Read-only" in through
    assert b"header x-forwarded-for" in through

    assert b"Read-only" not in seen(dashboard_url, {})


def test_a_table_offers_no_file_of_its_own(page: Page, dashboard_url: str) -> None:
    open_page(page, dashboard_url, "stack")
    table = page.get_by_test_id("stDataFrame").first
    table.hover()

    toolbar = table.locator("xpath=ancestor-or-self::*[.//*[@data-testid='stElementToolbar']][1]")
    expect(toolbar.get_by_role("button", name="Search").first).to_be_visible()
    expect(toolbar.get_by_role("button", name="Download as CSV")).to_have_count(0)
