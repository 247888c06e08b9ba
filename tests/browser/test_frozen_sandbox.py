"""A sandbox that accepts and does not answer: pages have their titles at once, and come back by themselves."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.support.dashboards import started_dashboard

logger = logging.getLogger(__name__)

PATHS = ("", "weather", "dead-letters", "stack", "sandbox")
#: Seconds to a title: 1 s is wanted; this leaves room for a machine that does other things.
TITLE_S = 4.0
#: Seconds to the end of a page's first run, which may wait for as many as three of its parts.
WHOLE_S = 25.0


@dataclass(frozen=True)
class Seen:
    """When a page's title came, when all of it was there (seconds since it was asked for), and what it said."""

    title_s: float
    whole_s: float
    words: str


async def load(url: str, path: str) -> Seen:
    """Runs a page once as a browser would."""
    title_s, words, started = 0.0, [], time.perf_counter()
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with (
        aiohttp.ClientSession(headers={"Origin": url}) as session,
        session.ws_connect(address, protocols=("streamlit",), max_msg_size=0) as socket,
    ):
        ask = BackMsg()
        ask.rerun_script.page_name = path
        await socket.send_bytes(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(await socket.receive_bytes(timeout=60))
            element = message.delta.new_element
            if element.heading.tag == "h1":
                title_s = title_s or time.perf_counter() - started
            words += [element.alert.body, element.text.body, element.markdown.body, element.button.label]
            if message.WhichOneof("type") == "script_finished":
                return Seen(title_s, time.perf_counter() - started, "\n".join(filter(None, words)))


def load_all(url: str) -> dict[str, Seen]:
    """All pages at the same time; in a thread, since Playwright's loop may run in this one."""

    async def loads() -> list[Seen]:
        return await asyncio.gather(*(load(url, path) for path in PATHS))

    with ThreadPoolExecutor(1) as thread:
        seen = dict(zip(PATHS, thread.submit(asyncio.run, loads()).result(), strict=True))
    logger.info("%s", {path: (round(one.title_s, 2), round(one.whole_s, 2)) for path, one in seen.items()})
    return seen


@pytest.fixture
def frozen(tmp_path: Path, no_real_account: None) -> Iterator[tuple[str, int]]:
    """A dashboard that has looked at its sandbox, which is frozen now: its address, and the sandbox's process id."""
    with started_dashboard(tmp_path / "sandbox", tmp_path / "output.log") as dashboard:
        dashboard.until_healthy()
        pid = dashboard.until_sandbox_ready().pid
        load_all(dashboard.url)
        load_all(dashboard.url)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield dashboard.url, pid
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.timeout(240)
def test_pages_have_their_titles_at_once_say_what_is_old_and_come_back(frozen: tuple[str, int]) -> None:
    url, pid = frozen
    load_all(url)
    time.sleep(12)
    seen = load_all(url)

    assert max(one.title_s for one in seen.values()) < TITLE_S
    assert max(one.whole_s for one in seen.values()) < WHOLE_S
    assert "End all faults" in seen["sandbox"].words
    assert "does not answer" in seen["sandbox"].words
    assert "not answering" in seen[""].words or "no answer yet" in seen[""].words
    assert "The queue is empty." not in seen["dead-letters"].words

    os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + 40
    while "not answering" in (words := load_all(url)[""].words) or "no answer yet" in words:
        assert time.monotonic() < deadline, words
        time.sleep(1)
