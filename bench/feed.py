"""The dashboard's topic feed at 1,000 events/s: its CPU and memory, and whether any event is lost or doubled.

The feed runs here as the dashboard runs it, with its buffer, its series and its history on disk; Momento and the
publisher are another process. What arrives is compared with the publisher's log by a digest over all payloads in order.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.stack import ROOT, end
from bench.table import Table
from bench.topic_publisher import digest_of
from core.config import TOPIC_CAPACITY
from core.momento_keys import for_sandbox
from core.names import CACHE, TOPIC
from services.topic.history import HistoryStatus, Source, TopicHistory
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState, FeedStatus

RATE = 1_000
#: What the feed's process may use of a core, and by how much its memory may grow once its buffer is full, in MB.
MAX_CPU, MAX_GROWTH_MB = 0.45, 10.0
#: Seconds between two looks at what has arrived.
LOOK_S = 0.5
#: How long the last events may take, in s.
PATIENCE_S = 10


@dataclass
class Arrived:
    """What the feed brought: events, the digest of their payloads in order, and RSS in MB since the buffer is full."""

    events: int = 0
    digest: str = ""
    rss_mb: list[float] = field(default_factory=list)

    def look(self, feed: TopicFeed) -> None:
        """Take in what came since the last look."""
        snapshot = feed.snapshot(limit=TOPIC_CAPACITY, after=self.events)
        for event in snapshot.events:
            self.digest = digest_of(self.digest, str(event.raw))
        self.events += len(snapshot.events)
        if snapshot.version > TOPIC_CAPACITY:
            self.rss_mb.append(rss_mb())


def measure(folder: Path, seconds: int = 60) -> Table:
    """Not ok when an event is lost or doubled, or the feed's process takes too much of a core or grows."""
    with _publisher(seconds) as publisher:
        listening = _line(publisher)
        address = for_sandbox("127.0.0.1", listening["port"], "http://127.0.0.1", listening["key"])
        history = TopicHistory(folder / "topic-history.db", Source("bench", str(listening["port"])))
        feed = TopicFeed(address, CACHE, TOPIC, history=history)
        feed.start()
        _wait_until_live(feed)
        gc.collect()
        gc.freeze()
        arrived = Arrived()
        started, cpu_before = time.perf_counter(), time.process_time()
        _say_go(publisher)
        while time.perf_counter() - started < seconds:
            time.sleep(LOOK_S)
            arrived.look(feed)
        cpu = (time.process_time() - cpu_before) / (time.perf_counter() - started)
        log = _line(publisher)
        _wait_for_the_rest(feed, log["published"])
        arrived.look(feed)
        status = feed.status()
        feed.close()
    stored = feed.history()
    assert stored is not None
    return _table(seconds, log, arrived, cpu, status, stored)


def rss_mb() -> float:
    """Resident memory of this process in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


@contextmanager
def _publisher(seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.topic_publisher", str(RATE), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            yield process
        finally:
            end(process)


def _line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    content: dict[str, Any] = json.loads(process.stdout.readline())
    return content


def _say_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()


def _wait_until_live(feed: TopicFeed) -> None:
    deadline = time.monotonic() + 10
    while feed.status().state is not FeedState.LIVE:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The feed was not live within 10 s: {feed.status().reason}")
        time.sleep(0.02)


def _wait_for_the_rest(feed: TopicFeed, published: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while feed.version < published and time.monotonic() < deadline:
        time.sleep(0.05)


def _table(
    seconds: int, log: dict[str, Any], arrived: Arrived, cpu: float, status: FeedStatus, stored: HistoryStatus
) -> Table:
    same = arrived.events == log["published"] and arrived.digest == log["digest"]
    growth = arrived.rss_mb[-1] - arrived.rss_mb[0] if arrived.rss_mb else None
    rows = (
        ("published", f"{log['published']:,}"),
        ("published/s", f"{log['published'] / log['took_s']:.0f}"),
        ("received", f"{arrived.events:,}"),
        ("same payloads in the same order", "yes" if same else "NO"),
        ("missed, reconnects", f"{status.missed:,}, {status.reconnects}"),
        ("stored in the history, left out", f"{stored.stored:,}, {stored.left_out:,}"),
        ("CPU of the feed's process, cores", f"{cpu:.3f}"),
        ("RSS at the end, MB", f"{rss_mb():.0f}"),
        ("RSS growth since the buffer was full, MB", "not reached" if growth is None else f"{growth:.1f}"),
    )
    ok = same and cpu <= MAX_CPU and (growth is None or growth <= MAX_GROWTH_MB) and not stored.problem
    return Table(f"feed: {RATE:,} events/s for {seconds} s", ("", "value"), rows, ok)
