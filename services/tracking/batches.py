"""Follows the rows of jobs that write or delete many: one thread for each job, at a bounded cost however many rows.

Topic events are matched with the rows as they come. The cache is looked at row by row, at most 500 times a second:
closely for TIMED rows spread over the job, whose times are told, and for the others only until they are there.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from core import names
from core.errors import DashboardError
from core.mishaps import Net
from core.momento_client import MomentoCache
from services.jobs.cached_read import Shared
from services.logs.tail import LogView
from services.topic.events import TopicEvent
from services.topic.subscription import TopicFeed
from services.tracking.batch_summary import NAMED, BatchWay, is_late, summary
from services.tracking.propagation import PATIENCE_S, Propagation, arrived, begun, tells_of
from services.tracking.writes import legs_in
from services.weather.changes import Change, kind_of
from services.weather.table import Write

logger = logging.getLogger(__name__)

#: Looks at the cache in one round, and the pause between rounds in seconds: at most 500 looks a second.
LOOKS, ROUND_S = 10, 0.02
#: Rows whose way into the cache is timed.
TIMED = 50
#: How often what is known is put together for whoever looks, and how often the log is asked about late rows.
_TELL_S, _LOG_S = 0.5, 5.0
#: Seconds until the second look at a row's cache item; each later pause is twice as long up to the longest.
_TIMED_PAUSE_S, _PAUSE_S = 0.02, 0.5
_LONGEST_TIMED_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0
#: Topic events that one round takes in.
_EVENTS = 20_000


class BatchJourney:
    """The rows of one job. `way` is what is known of them, a snapshot that anybody may read."""

    def __init__(self, changes: Sequence[Change], since_version: int) -> None:
        self.way = BatchWay()
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged: list[Write] = []
        self._all_sent_at: float | None = None
        self._version = since_version
        self._changes = {change.location: change for change in changes}
        step = max(1, len(changes) // TIMED)
        self._timed = frozenset(change.location for change in changes[::step])
        self._rows: dict[str, Propagation] = {}
        #: The locations of rows that have not come everywhere, the first sent first.
        self._open: dict[str, None] = {}
        #: Events of rows whose acknowledgement was not heard of yet: the topic can be faster.
        self._early: dict[str, TopicEvent] = {}
        self._due: list[tuple[float, float, str]] = []
        self._problem = ""

    def acknowledged(self, writes: Sequence[Write]) -> None:
        """The rows of one transaction. For the thread of the job."""
        with self._lock:
            self._acknowledged += writes

    def all_sent(self) -> None:
        """No other row will be acknowledged."""
        self._all_sent_at = time.time()

    def follow(self, cache: MomentoCache, feed: TopicFeed, log: Shared[LogView]) -> None:
        """Looks until all rows have arrived, PATIENCE_S after the last one was sent, or it is stopped."""
        told_at = asked_at = 0.0
        while not self._over() and not self.stop.wait(ROUND_S):
            self._take_acknowledged()
            self._hear(feed)
            self._look(cache)
            now = time.time()
            if now - asked_at >= _LOG_S:
                self._ask(log)
                asked_at = now
            if now - told_at >= _TELL_S:
                self._tell(ended=False)
                told_at = now
        self._ask(log)
        self._tell(ended=True)
        # A viewer's session keeps the journey for as long as it shows what is known.
        self._changes, self._rows, self._open, self._due = {}, {}, {}, []

    def _over(self) -> bool:
        if self._all_sent_at is None:
            return False
        with self._lock:
            waiting = bool(self._acknowledged)
        return not (waiting or self._open) or time.time() - self._all_sent_at > PATIENCE_S

    def _take_acknowledged(self) -> None:
        with self._lock:
            writes, self._acknowledged = self._acknowledged, []
        now = time.time()
        for write in writes:
            way = begun(write)
            early = self._early.pop(write.location, None)
            self._note(way if early is None else _with_event(way, early))
            if way.expected:
                timed = write.location in self._timed
                pause = _TIMED_PAUSE_S if timed else _PAUSE_S
                heapq.heappush(self._due, (now if timed else now + pause, pause, write.location))

    def _hear(self, feed: TopicFeed) -> None:
        version = feed.version
        if version == self._version:
            return
        events = feed.snapshot(limit=_EVENTS, after=self._version).events
        self._version = version
        for event in events:
            change = self._changes.get(event.location or "")
            if change is None:
                continue
            way = self._rows.get(change.location)
            if way is None:
                if tells_of(event, Write(change.location, kind_of(change), change.record, 0.0, 0.0, 0.0)):
                    self._early.setdefault(change.location, event)
            elif way.topic_ms is None and tells_of(event, way.write):
                self._note(_with_event(way, event))

    def _look(self, cache: MomentoCache) -> None:
        for _ in range(LOOKS):
            if not self._due or self._due[0][0] > time.time():
                return
            _, pause, location = heapq.heappop(self._due)
            way = self._rows[location]
            try:
                there = arrived(way.write, cache.get(names.CACHE, location).value)
                self._problem = ""
            except DashboardError as error:
                there, self._problem = False, str(error)
            if there:
                self._note(replace(way, cache_ms=(time.time() - way.write.sent_at) * 1000))
            else:
                longest = _LONGEST_TIMED_PAUSE_S if location in self._timed else _LONGEST_PAUSE_S
                heapq.heappush(self._due, (time.time() + pause, min(2 * pause, longest), location))
            if self._problem:
                return

    def _ask(self, log: Shared[LogView]) -> None:
        """What the log tells of the late rows that are named."""
        now = time.time()
        late = [way for way in map(self._rows.__getitem__, self._open) if is_late(way, now, ended=False)]
        try:
            for way in late[:NAMED]:
                self._note(replace(way, legs=legs_in(way.write, log.get().value.store)))
        except DashboardError as error:
            self._problem = str(error)

    def _note(self, way: Propagation) -> None:
        self._rows[way.write.location] = way
        if way.complete:
            self._open.pop(way.write.location, None)
        else:
            self._open[way.write.location] = None

    def _tell(self, *, ended: bool) -> None:
        self.way = summary(self._rows.values(), self._timed, time.time(), ended=ended, problem=self._problem)


def _with_event(way: Propagation, event: TopicEvent) -> Propagation:
    return replace(way, topic_ms=max(0.0, (event.received_at - way.write.sent_at) * 1000))


class BatchJourneys:
    """The jobs of this process whose rows are followed. Its methods may be called by any thread."""

    def __init__(self, cache: MomentoCache, feed: TopicFeed, log: Shared[LogView]) -> None:
        self._cache = cache
        self._feed = feed
        self._log = log
        self._lock = threading.Lock()
        self._running: list[tuple[BatchJourney, threading.Thread]] = []

    def follow(self, changes: Sequence[Change]) -> BatchJourney:
        """Begins to follow the rows of a job, before it sends the first one."""
        journey = BatchJourney(changes, self._feed.version)
        thread = threading.Thread(target=self._follow, args=(journey,), name="journey of a job's rows", daemon=True)
        with self._lock:
            self._running = [one for one in self._running if one[1].is_alive()]
            self._running.append((journey, thread))
        thread.start()
        return journey

    def close(self) -> None:
        """Stops following; done within 2 s."""
        with self._lock:
            running = self._running
        for journey, _ in running:
            journey.stop.set()
        deadline = time.monotonic() + 1.9
        for _, thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _follow(self, journey: BatchJourney) -> None:
        with Net(logger, "Following the rows of a job") as net:
            journey.follow(self._cache, self._feed, self._log)
        if net.error is not None:
            journey.way = replace(journey.way, ended=True, problem=str(net.error))
