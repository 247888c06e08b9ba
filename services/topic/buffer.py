"""The newest messages of the topic, kept by one writer for many readers.

The version is the number of messages ever taken in. It names a moment: what came after version v are the last
(version - v) messages. It is also the number of the newest message: the buffer's messages are numbered as they come.
What is built for a version is built once and shared by all viewers until the next message.

A message is held as a tuple of atoms, which Python's garbage collector stops to look into after it has seen it once:
Streamlit collects after every run, and 50,000 objects would cost each run 7.5 ms (facts/streamlit.md, section 2.1).
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from services.topic.events import PayloadKind, TopicEvent

#: The bytes that all messages may take together.
BUDGET_BYTES = 64_000_000
#: What a message takes beside its texts: the tuple, its numbers, and its place in the buffer.
_ROW_BYTES = 320
#: A typical message of the pipeline, whole. Whoever asks for more of them than the budget has room for gets that room.
_TYPICAL_BYTES = 600
#: Snapshots of so many kinds are kept for the next viewer.
_MAX_SNAPSHOTS = 64

#: received_at, sequence, page, raw, event_type, location, max_temp, min_temp, chance, problem.
_Row = tuple[
    float,
    int,
    int,
    str | bytes,
    str | None,
    str | None,
    float | None,
    float | None,
    float | None,
    str | None,
]


@dataclass(frozen=True, slots=True)
class FeedSnapshot:
    """The newest messages at one version, oldest first."""

    version: int
    events: tuple[TopicEvent, ...]

    @property
    def first_number(self) -> int:
        """The number of the oldest of them; the others follow without a gap. See `TopicBuffer.event`."""
        return self.version - len(self.events) + 1


@dataclass(frozen=True, slots=True)
class Holding:
    """How many messages are held, and about how many bytes they take; and the most that may be of both."""

    events: int
    size: int
    capacity: int
    budget: int
    outgrown: bool

    @property
    def shortage(self) -> str:
        """Why fewer messages are held than were asked for, in words, or ""."""
        if not self.outgrown:
            return ""
        room = f"{self.budget // 1_000_000} MB"
        return f"Keeps {self.events:,} instead of {self.capacity:,} events: their payloads are large and fill {room}."


class TopicBuffer:
    """At most `capacity` messages that take at most `budget` bytes; older ones leave first. Safe for all threads.

    Without `budget` it is BUDGET_BYTES, or what `capacity` typical messages need if that is more.
    """

    def __init__(self, capacity: int, budget: int | None = None) -> None:
        self._capacity = capacity
        self._budget = budget if budget is not None else max(BUDGET_BYTES, capacity * _TYPICAL_BYTES)
        self._rows: deque[_Row] = deque()
        self._size = 0
        self._outgrown = False
        self._version = 0
        self._restored = 0
        self._closed = False
        self._changed = threading.Condition()
        self._snapshots: dict[tuple[int, int | None], FeedSnapshot] = {}

    @property
    def version(self) -> int:
        """How many messages were ever taken in."""
        return self._version

    def append(self, event: TopicEvent) -> None:
        """Take in one message and wake who waits for it."""
        row = _row(event)
        with self._changed:
            self._take(row)
            self._changed.notify_all()

    def restore(self, event: TopicEvent) -> None:
        """Take in one message of an earlier run, before the first of this one: nobody can be waiting for it."""
        row = _row(event)
        with self._changed:
            self._take(row)
            self._restored = self._version

    def close(self) -> None:
        """Let everyone who waits go; nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def holding(self) -> Holding:
        """How full the buffer is."""
        with self._changed:
            return Holding(len(self._rows), self._size, self._capacity, self._budget, self._outgrown)

    def snapshot(self, limit: int, after: int | None = None) -> FeedSnapshot:
        """The newest `limit` messages, or those of them that came after version `after`."""
        with self._changed:
            known = self._snapshots.get((limit, after))
            if known is not None:
                return known
            version, rows = self._version, self._newest(limit, after)
        made = FeedSnapshot(version, tuple(map(_event, rows)))
        with self._changed:
            if version != self._version or len(self._snapshots) >= _MAX_SNAPSHOTS:
                return made
            return self._snapshots.setdefault((limit, after), made)

    def event(self, number: int) -> TopicEvent | None:
        """The message of this number, the first ever being 1; None when it has left or has not come."""
        with self._changed:
            place = number - 1 - (self._version - len(self._rows))
            row = self._rows[place] if 0 <= place < len(self._rows) else None
        return _event(row) if row is not None else None

    def find(self, page: int, sequence: int) -> TopicEvent | None:
        """The newest message that Momento gave this page and sequence number; None when it is not held.

        These stay the same after a restart. Looks at every message: a few ms, for one click.
        """
        with self._changed:
            rows = list(self._rows)
        for row in reversed(rows):
            if row[1] == sequence and row[2] == page:
                return _event(row)
        return None

    def wait_for(
        self, predicate: Callable[[TopicEvent], bool], timeout_s: float, since_version: int
    ) -> TopicEvent | None:
        """The first message after `since_version` that fits, waiting for it up to `timeout_s` seconds, or None."""
        deadline = time.monotonic() + timeout_s
        seen = since_version
        while True:
            with self._changed:
                while self._version <= seen and not self._closed and time.monotonic() < deadline:
                    self._changed.wait(max(0.0, deadline - time.monotonic()))
                fresh, seen = self._newest(len(self._rows), max(seen, self._restored)), self._version
                closed = self._closed
            # Outside of the lock: a slow predicate must not hold up the stream.
            found = _first(fresh, predicate)
            if found is not None or closed or time.monotonic() >= deadline:
                return found

    def _take(self, row: _Row) -> None:
        self._rows.append(row)
        self._size += _size(row)
        self._version += 1
        self._make_room()
        self._snapshots.clear()

    def _newest(self, limit: int, after: int | None) -> list[_Row]:
        wanted = limit if after is None else min(limit, self._version - after)
        newest_first = list(islice(reversed(self._rows), max(0, wanted)))
        newest_first.reverse()
        return newest_first

    def _make_room(self) -> None:
        """Let the oldest go. The newest message is kept however large it is."""
        while len(self._rows) > self._capacity:
            self._size -= _size(self._rows.popleft())
            self._outgrown = False
        while self._size > self._budget and len(self._rows) > 1:
            self._size -= _size(self._rows.popleft())
            self._outgrown = True


def _first(rows: Iterable[_Row], predicate: Callable[[TopicEvent], bool]) -> TopicEvent | None:
    return next((event for event in map(_event, rows) if predicate(event)), None)


def _row(event: TopicEvent) -> _Row:
    return (
        event.received_at,
        event.sequence,
        event.page,
        event.raw,
        event.event_type,
        event.location,
        event.max_temp,
        event.min_temp,
        event.chance,
        event.problem,
    )


def _event(row: _Row) -> TopicEvent:
    received_at, sequence, page, raw, event_type, location, high, low, chance, problem = row
    kind = PayloadKind.TEXT if isinstance(raw, str) else PayloadKind.BINARY
    return TopicEvent(received_at, sequence, page, kind, raw, event_type, location, high, low, chance, problem)


def _size(row: _Row) -> int:
    location = row[5]
    return _ROW_BYTES + sys.getsizeof(row[3]) + (sys.getsizeof(location) if location is not None else 0)
