"""The newest messages of the topic, kept by one writer for many readers.

The version is the number of messages ever taken in. It names a moment: what came after version v are the last
(version - v) messages. What is built for a version is built once and shared by all viewers until the next message.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from services.topic_events import TopicEvent


@dataclass(frozen=True, slots=True)
class FeedSnapshot:
    """The newest messages at one version, oldest first."""

    version: int
    events: tuple[TopicEvent, ...]


class TopicBuffer:
    """At most `capacity` messages; older ones leave first. Safe for all threads."""

    def __init__(self, capacity: int) -> None:
        self._events: deque[TopicEvent] = deque(maxlen=capacity)
        self._version = 0
        self._closed = False
        self._changed = threading.Condition()
        self._snapshots: dict[tuple[int, int | None], FeedSnapshot] = {}

    @property
    def version(self) -> int:
        """How many messages were ever taken in."""
        return self._version

    def append(self, event: TopicEvent) -> None:
        """Take in one message and wake who waits for it."""
        with self._changed:
            self._events.append(event)
            self._version += 1
            self._snapshots.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Let everyone who waits go; nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def snapshot(self, limit: int, after: int | None = None) -> FeedSnapshot:
        """The newest `limit` messages, or those of them that came after version `after`."""
        with self._changed:
            known = self._snapshots.get((limit, after))
            if known is None:
                known = FeedSnapshot(self._version, self._newest(limit, after))
                self._snapshots[limit, after] = known
            return known

    def wait_for(
        self, predicate: Callable[[TopicEvent], bool], timeout_s: float, since_version: int
    ) -> TopicEvent | None:
        """The first message after `since_version` that fits, waiting for it up to `timeout_s` seconds, or None."""
        deadline = time.monotonic() + timeout_s
        seen = since_version
        while True:
            with self._changed:
                while self._version == seen and not self._closed and time.monotonic() < deadline:
                    self._changed.wait(max(0.0, deadline - time.monotonic()))
                fresh, seen = self._newest(len(self._events), seen), self._version
                closed = self._closed
            # Outside of the lock: a slow predicate must not hold up the stream.
            for event in fresh:
                if predicate(event):
                    return event
            if closed or time.monotonic() >= deadline:
                return None

    def _newest(self, limit: int, after: int | None) -> tuple[TopicEvent, ...]:
        wanted = limit if after is None else min(limit, self._version - after)
        newest_first = list(islice(reversed(self._events), max(0, wanted)))
        return tuple(reversed(newest_first))
