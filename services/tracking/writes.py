"""Follows writes on their way, each in a thread of its own, so that no page waits for them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import replace

from core import names
from core.errors import DashboardError
from core.mishaps import Net
from core.momento_client import MomentoCache
from services.jobs.cached_read import Shared
from services.logs.queries import LogQuery
from services.logs.store import LogStore
from services.logs.tail import LogView
from services.topic.subscription import TopicFeed
from services.tracking.pipe_step import Leg, leg
from services.tracking.propagation import (
    PATIENCE_S,
    SKEW_MS,
    Propagation,
    Typical,
    arrived,
    begun,
    legs_of,
    tells_of,
    typical,
)
from services.weather.table import Write

logger = logging.getLogger(__name__)

#: Writes that are remembered for comparison, and writes that are followed at once; the oldest gives way.
REMEMBERED = 50
FOLLOWED = 8
#: Executions of one location that are looked through for those of a write.
MOST_EXECUTIONS = 50


def _pause_s(elapsed_s: float) -> float:
    """How long until the next look at the cache: it is timed to a few ms at first, when it matters."""
    if elapsed_s < 2:
        return 0.004
    return 0.05 if elapsed_s < 15 else 1.0


def _log_pause_s(elapsed_s: float) -> float:
    """How long until the next look at the log, which is one call for all viewers and writes."""
    return 0.5 if elapsed_s < 15 else 5.0


class Journey:
    """One write that is followed. `way` is what is known of it, a snapshot that anybody may read."""

    def __init__(self, write: Write) -> None:
        self.way = begun(write)
        self.stop = threading.Event()


class Journeys:
    """The newest writes of this process. Its methods may be called by any thread."""

    def __init__(self, cache: MomentoCache, feed: TopicFeed, log: Shared[LogView]) -> None:
        self._cache = cache
        self._feed = feed
        self._log = log
        self._lock = threading.Lock()
        self._newest: deque[Journey] = deque(maxlen=REMEMBERED)
        self._threads: list[threading.Thread] = []
        self._closed = False

    def follow(self, write: Write, since_version: int) -> Journey:
        """Begins to follow a write and returns at once. `since_version` is the feed's version before the write."""
        journey = Journey(write)
        if not write.kind:
            return journey
        with self._lock:
            if self._closed:
                journey.way = replace(journey.way, ended=True)
                return journey
            under_way = [known for known in self._newest if not known.way.ended]
            for known in under_way[: max(0, len(under_way) + 1 - FOLLOWED)]:
                known.stop.set()
            self._newest.append(journey)
            thread = threading.Thread(
                target=self._follow, args=(journey, since_version), name="journey of a write", daemon=True
            )
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]
            thread.start()
        return journey

    def typical(self) -> dict[str, Typical]:
        """Step id -> how long it took among the newest writes."""
        with self._lock:
            ways = [journey.way for journey in self._newest]
        return typical(ways)

    def close(self) -> None:
        """Stops following; done within 2 s."""
        with self._lock:
            self._closed = True
            for journey in self._newest:
                journey.stop.set()
            threads = self._threads
        deadline = time.monotonic() + 1.9
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _follow(self, journey: Journey, since_version: int) -> None:
        with Net(logger, "Following a write") as net:
            self._watch(journey, since_version)
        problems = journey.way.problems if net.error is None else (str(net.error),)
        journey.way = replace(journey.way, problems=problems, ended=True)

    def _watch(self, journey: Journey, since_version: int) -> None:
        next_log_s = 0.0
        cache_problem = log_problem = ""
        elapsed_s = 0.0
        while elapsed_s < PATIENCE_S and not journey.way.settled:
            if journey.stop.wait(_pause_s(elapsed_s)):
                return
            seen_version = self._feed.version
            way = self._with_topic(journey.way, since_version)
            since_version = seen_version
            way, cache_problem = self._with_cache(way)
            elapsed_s = time.time() - way.write.sent_at
            if elapsed_s >= next_log_s:
                way, log_problem = self._with_log(way)
                next_log_s = elapsed_s + _log_pause_s(elapsed_s)
            problems = tuple(problem for problem in (cache_problem, log_problem) if problem)
            journey.way = replace(way, waited_s=elapsed_s, problems=problems)

    def _with_topic(self, way: Propagation, since_version: int) -> Propagation:
        if way.topic_ms is not None:
            return way
        event = self._feed.wait_for(lambda event: tells_of(event, way.write), 0, since_version)
        if event is None:
            return way
        return replace(way, topic_ms=max(0.0, (event.received_at - way.write.sent_at) * 1000))

    def _with_cache(self, way: Propagation) -> tuple[Propagation, str]:
        if way.cache_ms is not None:
            return way, ""
        try:
            value = self._cache.get(names.CACHE, way.write.location).value
        except DashboardError as error:
            return way, str(error)
        if not arrived(way.write, value):
            return way, ""
        return replace(way, cache_ms=(time.time() - way.write.sent_at) * 1000), ""

    def _with_log(self, way: Propagation) -> tuple[Propagation, str]:
        try:
            found = legs_in(way.write, self._log.get().value.store)
        except DashboardError as error:
            return way, str(error)
        return replace(way, legs=found or way.legs), ""


def legs_in(write: Write, store: LogStore) -> tuple[Leg, ...]:
    """The executions of a write that a log tells of."""
    query = LogQuery(since_ms=int(write.sent_at * 1000) - SKEW_MS, location=write.location)
    found = store.executions(query, MOST_EXECUTIONS)
    return legs_of(write, [leg(execution, store.records_of(execution.execution_id)) for execution in found])
