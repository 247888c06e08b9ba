"""What viewers of the live topic cost, while traffic of eight changes a second goes through the pipeline.

    50 by fragment      raw websocket clients that ask for the page's refreshing part each second, as a browser does
    500 by push         streams of one view
    event → pixels      a Chromium on the pushed page: published → drawn, each event with its number as its temperature

The dashboard is held to one core. Its processor time includes the topic's feed and the sidebars of the 50 viewers.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.dashboard import RunningDashboard, running_dashboard
from bench.stack import admin_headers, running_sandbox
from bench.table import Table, percentile
from core.momento_client import MomentoCache
from core.momento_keys import for_sandbox
from core.names import CACHE, TOPIC
from sandbox.state import SandboxState

BY_FRAGMENT, BY_PUSH = 50, 500
SECONDS = 20
RATE = 8
PUBLISHED, PUBLISH_EVERY_S = 120, 0.137
MAX_FRAGMENT_P95_MS, MAX_PUSH_CORES, MAX_PIXELS_P50_MS = 300, 0.15, 400


@dataclass
class Seen:
    """What clients saw: latencies in ms, messages, and bytes; `refused` ones saw nothing."""

    latencies_ms: list[float] = field(default_factory=list)
    messages: int = 0
    size: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Cost:
    """What clients saw within `seconds`, and what share of a core the dashboard used meanwhile."""

    seen: Seen
    cores: float


def measure(folder: Path) -> Table:
    """Not ok when one of the targets of issue 4 is missed."""
    with running_sandbox(folder) as running, running_dashboard(folder) as dashboard:
        _start_traffic(running.state)
        time.sleep(10)
        idle = asyncio.run(_measured(dashboard, _nobody))
        fragment = asyncio.run(_measured(dashboard, _by_fragment))
        push = asyncio.run(_measured(dashboard, _by_push))
        pixels = _event_to_pixels(dashboard, running.state)
        rss = dashboard.rss_mb()
    return _table(idle, fragment, push, pixels, rss)


def _table(idle: Cost, fragment: Cost, push: Cost, pixels: list[float], rss: float) -> Table:
    updates = fragment.seen
    p95 = percentile(updates.latencies_ms, 95)
    drawn = f"{percentile(pixels, 50):.0f} / {percentile(pixels, 95):.0f}" if pixels else "no Chromium"
    rows = (
        ("no viewer", f"{idle.cores:.3f}", "", "", ""),
        (
            f"{BY_FRAGMENT} by fragment, each 1 s",
            f"{fragment.cores:.3f}",
            f"{percentile(updates.latencies_ms, 50):.0f} / {p95:.0f}",
            f"{updates.messages / SECONDS:.1f}",
            f"{updates.size / max(1, updates.messages):,.0f}",
        ),
        (
            f"{BY_PUSH} by push",
            f"{push.cores:.3f}",
            "",
            f"{push.seen.messages / SECONDS:.0f}",
            f"{push.seen.size / max(1, push.seen.messages):,.0f}",
        ),
        (f"event → pixels by push ({len(pixels)})", "", drawn, "", ""),
        (f"RSS at the end {rss:.0f} MB", "", "", "", ""),
    )
    enough = updates.messages >= 0.97 * BY_FRAGMENT * SECONDS and not push.seen.refused
    return Table(
        title=f"viewers: {RATE} events/s, {SECONDS} s each, the dashboard on one core",
        header=("", "cores", "p50 / p95 ms", "updates/s", "bytes/update"),
        rows=rows,
        ok=enough
        and p95 < MAX_FRAGMENT_P95_MS
        and push.cores < MAX_PUSH_CORES
        and (not pixels or percentile(pixels, 50) < MAX_PIXELS_P50_MS),
    )


def _start_traffic(state: SandboxState) -> None:
    body = json.dumps({"sources": ["cities"], "rate": RATE, "count": 10_000, "deletes": 8}).encode()
    urllib.request.urlopen(
        urllib.request.Request(f"{state.admin_url}/traffic", body, admin_headers(state), method="POST"), timeout=10
    ).close()


async def _measured(
    dashboard: RunningDashboard, watch: Callable[[RunningDashboard, Seen, asyncio.Event], Awaitable[None]]
) -> Cost:
    """Lets clients settle, then measures for SECONDS."""
    seen, begun = Seen(), asyncio.Event()
    watching = asyncio.ensure_future(watch(dashboard, seen, begun))
    await asyncio.wait_for(begun.wait(), 90)
    await asyncio.sleep(5)
    seen.latencies_ms.clear()
    seen.messages = seen.size = 0
    before, started = dashboard.cpu_s(), time.perf_counter()
    await asyncio.sleep(SECONDS)
    cost = Cost(seen, (dashboard.cpu_s() - before) / (time.perf_counter() - started))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return cost


async def _nobody(_: RunningDashboard, __: Seen, begun: asyncio.Event) -> None:
    begun.set()


async def _by_push(dashboard: RunningDashboard, seen: Seen, begun: asyncio.Event) -> None:
    address = f"{dashboard.url}/live/updates?window=1m"

    async def follow(session: aiohttp.ClientSession) -> None:
        async with session.get(address) as answer:
            if answer.status != 200:
                seen.refused += 1
                return
            async for chunk in answer.content.iter_any():
                seen.size += len(chunk)
                seen.messages += chunk.count(b"\n\n")

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        following = [asyncio.create_task(follow(session)) for _ in range(BY_PUSH)]
        begun.set()
        try:
            await asyncio.gather(*following)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


async def _by_fragment(dashboard: RunningDashboard, seen: Seen, begun: asyncio.Event) -> None:
    async with aiohttp.ClientSession() as session:
        viewers = []
        for number in range(BY_FRAGMENT):
            viewer = _FragmentViewer(dashboard, seen)
            await viewer.open(session)
            viewers.append(asyncio.create_task(viewer.refresh(number / BY_FRAGMENT)))
        begun.set()
        try:
            await asyncio.gather(*viewers)
        finally:
            for task in viewers:
                task.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)


class _FragmentViewer:
    """A browser as the server sees it: runs the page once, then its refreshing parts at their intervals."""

    def __init__(self, dashboard: RunningDashboard, seen: Seen) -> None:
        self._url = f"ws://127.0.0.1:{dashboard.port}/_stcore/stream"
        self._origin = f"http://127.0.0.1:{dashboard.port}"
        self._seen = seen
        self._page = ""
        self._fragments: dict[str, float] = {}

    async def open(self, session: aiohttp.ClientSession) -> None:
        """Runs the page and notes its refreshing parts."""
        self._socket = await session.ws_connect(
            self._url, protocols=("streamlit",), max_msg_size=0, origin=self._origin
        )
        ask = BackMsg()
        ask.rerun_script.query_string = "push=false&window=1m"
        ask.rerun_script.page_name = "live-topic"
        await self._run(ask)
        if not any(interval == 1 for interval in self._fragments.values()):
            raise RuntimeError("The live page without push has no part that refreshes each second.")

    async def refresh(self, shift: float) -> None:
        """Asks for each part when it is due; the latency of those of 1 s counts."""
        loop = asyncio.get_running_loop()
        due = {name: loop.time() + interval * (1 + shift) for name, interval in self._fragments.items()}
        while True:
            name = min(due, key=due.__getitem__)
            await asyncio.sleep(max(0.0, due[name] - loop.time()))
            ask = BackMsg()
            ask.rerun_script.fragment_id = name
            ask.rerun_script.is_auto_rerun = True
            ask.rerun_script.page_script_hash = self._page
            ask.rerun_script.query_string = "push=false&window=1m"
            size = await self._run(ask)
            if self._fragments[name] == 1:
                # From when it was due: a viewer whose turn came late has waited, too.
                self._seen.latencies_ms.append(1000 * (loop.time() - due[name]))
                self._seen.messages += 1
                self._seen.size += size
            due[name] += self._fragments[name]

    async def _run(self, ask: BackMsg) -> int:
        """Sends, and reads until the run has ended; how many bytes came."""
        await self._socket.send_bytes(ask.SerializeToString())
        size = 0
        while True:
            content = await self._socket.receive_bytes(timeout=60)
            size += len(content)
            message = ForwardMsg.FromString(content)
            kind = message.WhichOneof("type")
            if kind == "new_session" and message.new_session.page_script_hash:
                self._page = message.new_session.page_script_hash
            elif kind == "auto_rerun":
                self._fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return size


#: Notes, for each number that the location Bench has as its newest maximum, when it was first on the screen.
_NOTE_DRAWINGS = """() => {
    window.benchDrawn = [];
    document.addEventListener("live-board-drawn", (event) => {
        const latest = event.detail.latest.get("Bench");
        if (!latest) return;
        // The frame that follows the drawing is the first one after its pixels.
        requestAnimationFrame(() => window.benchDrawn.push([latest.high, Date.now() / 1000]));
    });
}"""


def _event_to_pixels(dashboard: RunningDashboard, state: SandboxState) -> list[float]:
    """Milliseconds from publishing to the first frame with the event's value; nothing without a Chromium."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        return []
    address = for_sandbox(state.momento_host, state.momento_port, state.momento_http_endpoint, state.momento_api_key)
    published: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(f"{dashboard.url}/live-topic?window=1m")
        page.wait_for_selector("section.board[data-state=live]", timeout=30_000)
        page.evaluate(_NOTE_DRAWINGS)
        cache = MomentoCache(address)
        for number in range(PUBLISHED):
            published.append(time.time())
            cache.publish(CACHE, TOPIC, _numbered(number))
            time.sleep(PUBLISH_EVERY_S)
        page.wait_for_function(
            f"() => window.benchDrawn.some(([number]) => number === {PUBLISHED - 1})", timeout=10_000
        )
        drawn: list[tuple[float, float]] = page.evaluate("() => window.benchDrawn")
        cache.close()
        browser.close()
    return [
        1000 * (min(moment for newest, moment in drawn if newest >= number) - sent)
        for number, sent in enumerate(published)
    ]


def _numbered(number: int) -> str:
    content = {"EventType": "MODIFY", "Location": "Bench", "MaxTemp": str(number), "MinTemp": "0"}
    return json.dumps({**content, "ChancesOfPrecipitation": "0"})
