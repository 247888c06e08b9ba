"""What happened after a write: when its topic event came and when the cache was right, in ms since the write."""

from __future__ import annotations

import time
from dataclasses import dataclass

from provision import names
from services.agreement import same
from services.momento import MomentoCache
from services.topic_events import TopicEvent
from services.topic_feed import TopicFeed
from services.weather import Write, plain

#: How long to wait for the steps, in seconds, and how often to look at the cache.
PATIENCE_S = 5.0
_POLL_S = 0.004


@dataclass(frozen=True)
class Propagation:
    """The steps after one write, each in ms since the write was sent; None when it did not come in time.

    `expected` is false when the write changed nothing: DynamoDB then leaves no stream record, and no step follows.
    `problem` says why the steps could not be watched, if they could not.
    """

    write: Write
    expected: bool
    topic_ms: float | None = None
    cache_ms: float | None = None
    waited_s: float = 0.0
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether every step that was to come has come."""
        return not self.expected or (self.topic_ms is not None and self.cache_ms is not None)


def follow(write: Write, cache: MomentoCache, feed: TopicFeed, since_version: int) -> Propagation:
    """Watches one write arrive, for up to PATIENCE_S. `since_version` is the feed's version before the write.

    Raises a DashboardError when the cache cannot be read.
    """
    if not write.kind:
        return Propagation(write, expected=False)
    deadline = write.sent_at + PATIENCE_S
    cache_ms = _cache_is_right(write, cache, deadline)
    event = feed.wait_for(lambda event: _tells_of(event, write), max(0.0, deadline - time.time()), since_version)
    return Propagation(
        write,
        expected=True,
        topic_ms=None if event is None else max(0.0, (event.received_at - write.sent_at) * 1000),
        cache_ms=cache_ms,
        waited_s=time.time() - write.sent_at,
    )


def _cache_is_right(write: Write, cache: MomentoCache, deadline: float) -> float | None:
    wanted = plain(write.record.item()) if write.record else None
    while True:
        value = cache.get(names.CACHE, write.location).value
        right = value is None if wanted is None else value is not None and same(wanted, value)
        now = time.time()
        if right:
            return (now - write.sent_at) * 1000
        if now > deadline:
            return None
        time.sleep(_POLL_S)


def _tells_of(event: TopicEvent, write: Write) -> bool:
    if event.location != write.location or event.event_type != write.kind:
        return False
    record = write.record
    return record is None or (event.max_temp == float(record.max_temp) and event.min_temp == float(record.min_temp))
