"""The dashboard's topic feed while Momento's process is killed (SIGKILL) in the middle of traffic, again and again.

Each life of Momento is a process of its own on the same port, down for up to DOWN_S, and begins its topic anew. What is
lost in the kill itself nobody can count but its log. All else has to be received, or counted as missed in a gap.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.feed import rss_mb
from bench.stack import ROOT
from bench.table import Table, percentile
from core.config import TOPIC_CAPACITY
from core.momento_keys import for_sandbox
from core.names import CACHE, TOPIC
from sandbox.momento.keys import KeyRing
from services.topic.events import TopicEvent
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState, FeedStatus

KILLS = 50
RATE = 100
#: Seconds: how long a life lasts once the feed is live, at least and at most; the longest time down; back within.
LIFE_S, DOWN_S, BACK_S = (0.3, 1.5), 1.5, 2.0
_PATIENCE_S = 30.0


def measure(folder: Path, kills: int = KILLS) -> Table:
    """Not ok when the feed is late, loses count, or leaves a thread or a file behind."""
    key = KeyRing.mint("127.0.0.1").v2_key
    returns: list[float] = []
    published: list[int] = []
    with _life(0, key, folder / "0") as port:
        feed = TopicFeed(for_sandbox("127.0.0.1", port, "http://127.0.0.1", key), CACHE, TOPIC)
        feed.start()
        _until(lambda: feed.status().received > 0, "the first message")
        time.sleep(1)
        threads, files, rss = threading.active_count(), _open_files(), rss_mb()
        time.sleep(random.uniform(*LIFE_S))
    published.append((folder / "0").stat().st_size)
    for number in range(1, kills + 1):
        time.sleep(random.uniform(0, DOWN_S))
        with _life(port, key, folder / str(number)):
            back, before = time.monotonic(), feed.status().received
            _until(partial(_is_back, feed, before), f"the return after kill {number}")
            returns.append(time.monotonic() - back)
            time.sleep(random.uniform(*LIFE_S))
        published.append((folder / str(number)).stat().st_size)
    _until(lambda: feed.status().state is FeedState.RECONNECTING, "the last loss")
    _until(lambda: threading.active_count() <= threads and _open_files() <= files, "what lost connections held")
    status, events = feed.status(), feed.snapshot(limit=TOPIC_CAPACITY).events
    leaked = max(0, threading.active_count() - threads), max(0, _open_files() - files)
    growth = rss_mb() - rss
    feed.close()
    return _table(published, returns, status, events, leaked, growth)


@contextmanager
def _life(port: int, key: str, log: Path) -> Iterator[int]:
    """The port of a Momento that listens, and is killed at the end."""
    command = [sys.executable, "-m", "bench.mortal_topic", str(port), key, str(RATE), str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGKILL)


def _is_back(feed: TopicFeed, received_before: int) -> bool:
    status = feed.status()
    return status.state is FeedState.LIVE and status.received > received_before


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {_PATIENCE_S:g} s: {what}.")
        time.sleep(0.005)


def _table(
    published: list[int],
    returns: list[float],
    status: FeedStatus,
    events: tuple[TopicEvent, ...],
    leaked: tuple[int, int],
    growth: float,
) -> Table:
    last: dict[int, int] = {}
    for event in events:
        last[event.page] = max(event.sequence, last.get(event.page, 0))
    # Sequence numbers begin with 1 in each life, whose page is its own: up to the last one seen, all are accounted for.
    # The subscription began with the newest message of the first life.
    before = events[0].sequence - 1
    accounted = sum(last.values()) == before + status.received + status.missed
    anew = sum(gap.began_anew for gap in status.gaps)
    tail = sum(published) - sum(last.values())
    rows = (
        ("kills", str(len(returns))),
        ("published, within one a life", f"{sum(published):,}"),
        ("of them before the subscription", f"{before:,}"),
        ("received", f"{status.received:,}"),
        ("missed and counted", f"{status.missed:,}"),
        ("lost in the kills themselves, at most", f"{tail:,}"),
        ("lives seen, gaps between them noted", f"{len(last)}, {anew}"),
        ("received and missed make up what each life had published", "yes" if accounted else "NO"),
        ("live again after, p50 / max s", f"{percentile(returns, 50):.2f} / {max(returns):.2f}"),
        ("threads, files left behind", f"{leaked[0]}, {leaked[1]}"),
        ("RSS growth, MB", f"{growth:.1f}"),
    )
    ok = accounted and len(last) == len(returns) + 1 and anew == len(returns) and max(returns) <= BACK_S
    return Table(f"kills: SIGKILL of Momento at {RATE} messages/s", ("", "value"), rows, ok)
