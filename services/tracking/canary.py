"""The canary: a reserved record that is written, followed through every stage, and deleted again, on and on.

    write ─▶ acknowledged ─▶ topic event ─▶ readable in the cache
    delete ─▶ acknowledged ─▶ topic event ─▶ gone from the cache

Each run has a key of its own, `canary/<process>-<number>`, so that nothing of an earlier run, or of another dashboard,
counts for it. People cannot enter such a location (services/weather/table.py). It is left out of the lists to choose a
location from, and shows by its name everywhere else for as long as it lives. A process that dies in a run leaves
one such record in the table; its cache item ends by its TTL, which is longer than a run may take.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from core import names
from core.errors import InvalidInput
from core.mishaps import Net
from core.momento_client import MomentoCache
from services.cache.agreement import same
from services.topic.events import TopicEvent
from services.topic.subscription import TopicFeed
from services.weather.table import RESERVED_PREFIX, WeatherRecord, WeatherTable, Write, plain

logger = logging.getLogger(__name__)

#: Runs that are kept.
KEPT = 200
_POLL_S, _LONGEST_POLL_S = 0.005, 0.25
_SLICE_S = 0.25


@dataclass(frozen=True)
class Pace:
    """The seconds between two runs that may be chosen, and after how many a stage that did not come counts as lost."""

    intervals_s: tuple[int, ...]
    patience_s: float


ON_AWS = Pace((60, 120, 300, 600, 900, 1800, 3600), 60.0)
IN_SANDBOX = Pace((10, *ON_AWS.intervals_s), 15.0)


class Stage(Enum):
    """The stages of a run, in their order."""

    WRITTEN = "Write acknowledged"
    TOLD = "Topic event"
    READABLE = "Readable in the cache"
    DELETED = "Delete acknowledged"
    TOLD_GONE = "Topic event of the delete"
    GONE = "Gone from the cache"


@dataclass(frozen=True)
class CanaryRun:
    """One run: when it began (epoch seconds), and for each stage that came, ms since its write or delete was sent."""

    started_at: float
    stages: tuple[tuple[Stage, float], ...]
    problem: str = ""

    def ms(self, stage: Stage) -> float | None:
        """How long a stage took, or None when it did not come."""
        return dict(self.stages).get(stage)

    @property
    def missing(self) -> Stage | None:
        """The first stage that did not come, or None when all did."""
        return next((stage for stage in Stage if self.ms(stage) is None), None)


@dataclass(frozen=True)
class CanaryStatus:
    """`interval_s` and `next_at` (epoch seconds) are None while it is off. Counts are since the process began."""

    interval_s: float | None
    next_at: float | None
    patience_s: float
    runs: tuple[CanaryRun, ...] = ()
    flown: int = 0
    lost: int = 0


class Canary:
    """The one canary of a process; off until somebody starts it. Safe to share between threads."""

    def __init__(self, table: WeatherTable, cache: MomentoCache, feed: TopicFeed, pace: Pace) -> None:
        self._table = table
        self._cache = cache
        self._feed = feed
        self.pace = pace
        self._instance = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._interval_s: float | None = None
        self._next_at: float | None = None
        self._runs: deque[CanaryRun] = deque(maxlen=KEPT)
        self._flown = self._lost = 0
        self._mishaps: set[str] = set()

    def start(self, interval_s: float) -> None:
        """Runs now and then every `interval_s`. Raises InvalidInput for an interval that is not offered."""
        if interval_s not in self.pace.intervals_s:
            raise InvalidInput("interval", f"The canary cannot run every {interval_s:g} s.", "Choose another interval.")
        with self._lock:
            self._ended.set()
            self._ended = threading.Event()
            self._interval_s, self._next_at = interval_s, time.time()
            self._thread = threading.Thread(
                target=self._run, args=(interval_s, self._ended), name="canary", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """No further runs; one under way deletes its record and ends. Returns at once."""
        with self._lock:
            self._ended.set()
            self._interval_s = self._next_at = None

    def close(self) -> None:
        """Stops, and waits a moment for a run under way to delete its record."""
        self.stop()
        if self._thread is not None:
            self._thread.join(3.0)

    def status(self) -> CanaryStatus:
        """How it does."""
        with self._lock:
            return CanaryStatus(
                self._interval_s, self._next_at, self.pace.patience_s, tuple(self._runs), self._flown, self._lost
            )

    def _run(self, interval_s: float, ended: threading.Event) -> None:
        next_at = time.time()
        while not ended.wait(max(0.0, next_at - time.time())):
            run = self._fly(ended)
            next_at = max(next_at + interval_s, time.time())
            with self._lock:
                if ended.is_set():
                    return
                self._next_at = next_at
                self._runs.append(run)
                self._flown += 1
                self._lost += run.missing is not None

    def _fly(self, ended: threading.Event) -> CanaryRun:
        record = self._record(next(self._numbers))
        flight = _Flight(self._cache, self._feed, self.pace.patience_s, ended)
        started_at = time.time()
        wanted = plain(record.item())
        with Net(logger, "The canary's run", self._mishaps) as net:
            flight.follow(
                lambda: self._table.put(record),
                (Stage.WRITTEN, Stage.TOLD, Stage.READABLE),
                lambda value: value is not None and same(wanted, value),
            )
            if len(flight.stages) == 3:
                flight.follow(
                    lambda: self._table.delete(record.location),
                    (Stage.DELETED, Stage.TOLD_GONE, Stage.GONE),
                    lambda value: value is None,
                )
        if Stage.DELETED not in flight.stages:
            with Net(logger, "Deleting the canary's record", self._mishaps):
                self._table.delete(record.location)
        return CanaryRun(started_at, tuple(flight.stages.items()), "" if net.error is None else str(net.error))

    def _record(self, number: int) -> WeatherRecord:
        location = f"{RESERVED_PREFIX}{self._instance}-{number}"
        # Absence must prove the delete, so the item lives for longer than both halves of a run may take.
        ttl_s = int(3 * self.pace.patience_s)
        return WeatherRecord(location, Decimal(number % 100), Decimal(0), Decimal(0), ttl_s)


class _Flight:
    """One run's stages so far, each in ms since its write or delete was sent."""

    def __init__(self, cache: MomentoCache, feed: TopicFeed, patience_s: float, ended: threading.Event) -> None:
        self._cache = cache
        self._feed = feed
        self._patience_s = patience_s
        self._ended = ended
        self.stages: dict[Stage, float] = {}

    def follow(
        self, act: Callable[[], Write], stages: tuple[Stage, Stage, Stage], right: Callable[[bytes | None], bool]
    ) -> None:
        """Acts, and waits for the topic's event and for the cache to be right. Raises DashboardError."""
        acknowledged, told, cached = stages
        version = self._feed.version
        write = act()
        self.stages[acknowledged] = write.acknowledged_ms
        deadline = write.sent_at + self._patience_s
        # The cache first: the feed keeps its events, and when each came.
        cache_at = self._cache_is_right(write.location, right, deadline)
        event = self._event_of(write, version, deadline)
        if event is not None:
            self.stages[told] = max(0.0, (event.received_at - write.sent_at) * 1000)
        if cache_at is not None:
            self.stages[cached] = (cache_at - write.sent_at) * 1000

    def _cache_is_right(self, key: str, right: Callable[[bytes | None], bool], deadline: float) -> float | None:
        pause_s = _POLL_S
        while True:
            value = self._cache.get(names.CACHE, key).value
            now = time.time()
            if right(value):
                return now
            if now > deadline or self._ended.wait(pause_s):
                return None
            pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)

    def _event_of(self, write: Write, version: int, deadline: float) -> TopicEvent | None:
        def tells(event: TopicEvent) -> bool:
            return event.location == write.location and event.event_type == write.kind

        while True:
            left_s = deadline - time.time()
            event = self._feed.wait_for(tells, max(0.0, min(left_s, _SLICE_S)), version)
            if event is not None or left_s <= 0 or self._ended.is_set():
                return event


def percentile(runs: Sequence[CanaryRun], stage: Stage, share: float) -> float | None:
    """The time in ms within which `share` (0 to 1) of the runs that reached a stage did so; None without any."""
    times = sorted(ms for run in runs if (ms := run.ms(stage)) is not None)
    return times[min(len(times) - 1, int(share * len(times)))] if times else None
