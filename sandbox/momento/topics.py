"""Topics as logs in memory: numbered messages, a bounded history, and cursors that read it. No I/O, no waiting.

Messages of a topic are numbered from 1. The sequence page is the epoch second in which the log began, and always
larger than any page before it, so a subscriber that comes back to a topic that began anew can be told so.

How a subscription resumes (facts/momento.md section 3, "Pubsub semantics"):

    resume 0                          the latest message if there is one, then what follows
    resume 1, no page                 what the history still holds, then what follows
    resume n, the log's page or none  from n on; a discontinuity first if the history starts after n
    another page, or n beyond the end a discontinuity, the latest message if there is one, then what follows

A slow subscriber costs nothing but its place: when the history has passed it by, it gets a discontinuity too.
Assumed: a discontinuity's `last` is the number before the one that was asked for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from sandbox.momento.errors import TooMany
from sandbox.momento.limits import MAX_SUBSCRIPTIONS, MAX_TOPICS, check_message, check_name

#: How many messages a topic keeps for subscribers that come back, and how many bytes they may take together.
HISTORY, HISTORY_BYTES = 1_000, 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One published message: `value` is text or bytes as it was published."""

    sequence: int
    page: int
    value: str | bytes


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """A gap: `last` was the last number before it, `new` is the number of the message that follows it."""

    last: int
    new: int
    page: int


Event = Message | Discontinuity


class Topic:
    """The log of one topic. `closed` once its cache is deleted: no subscriber will ever see more of it."""

    def __init__(self, page: int, history: int = HISTORY) -> None:
        self.page = page
        self.closed = False
        self.next_sequence = 1
        self._messages: deque[Message] = deque()
        self._history = history
        self._bytes = 0
        self._watchers: set[Callable[[], None]] = set()

    @property
    def first_sequence(self) -> int:
        """The number of the oldest message that is still held; `next_sequence` when none is."""
        return self.next_sequence - len(self._messages)

    @property
    def watchers(self) -> int:
        """How many subscribers are watching."""
        return len(self._watchers)

    def publish(self, value: str | bytes) -> Message:
        """Append the message and wake every watcher. Raises TooLarge."""
        check_message(value)
        message = Message(self.next_sequence, self.page, value)
        self._messages.append(message)
        self._bytes += len(value)
        while len(self._messages) > self._history or self._bytes > HISTORY_BYTES:
            self._bytes -= len(self._messages.popleft().value)
        self.next_sequence += 1
        self._wake()
        return message

    def close(self) -> None:
        """Mark the log as ended and wake every watcher."""
        self.closed = True
        self._wake()

    def since(self, sequence: int) -> list[Message]:
        """The held messages from the given number on."""
        missing = self.next_sequence - sequence
        if missing == 1:
            return [self._messages[-1]]
        return list(islice(self._messages, max(0, len(self._messages) - missing), None))

    @contextmanager
    def watch(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` at every message and at the end of the log, for as long as the block runs."""
        self._watchers.add(wake)
        try:
            yield
        finally:
            self._watchers.discard(wake)

    def _wake(self) -> None:
        for wake in self._watchers:
            wake()


class Cursor:
    """Where one subscriber stands in a topic. `resume` and `page` are what it asked for, 0 when it did not."""

    def __init__(self, topic: Topic, resume: int, page: int) -> None:
        self._topic = topic
        self._lost: int | None = None
        latest = max(topic.first_sequence, topic.next_sequence - 1)
        if resume == 0:
            self._next = latest
        elif page not in (0, topic.page) or resume > topic.next_sequence:
            self._next = latest
            self._lost = resume - 1
        elif resume == 1 and page == 0:
            self._next = topic.first_sequence
        else:
            self._next = resume

    def take(self) -> list[Event]:
        """What the subscriber has not seen yet, oldest first; empty when it is up to date."""
        topic = self._topic
        if self._next < topic.first_sequence:
            self._lost = self._next - 1
            self._next = topic.first_sequence
        events: list[Event] = []
        if self._lost is not None:
            events.append(Discontinuity(self._lost, self._next, topic.page))
            self._lost = None
        if self._next < topic.next_sequence:
            events.extend(topic.since(self._next))
            self._next = topic.next_sequence
        return events


class Topics:
    """All topics of all caches. A topic begins when it is first used and ends with its cache."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self.published = 0
        self._wall_clock = wall_clock
        self._last_page = 0
        self._topics: dict[tuple[str, str], Topic] = {}

    def open(self, cache: str, name: str) -> Topic:
        """The topic, begun if need be; the cache is the caller's to check.

        Raises InvalidArgument for an empty name, TooMany when there are as many topics as may be.
        """
        topic = self._topics.get((cache, name))
        if topic is None:
            check_name("Topic", name)
            if len(self._topics) >= MAX_TOPICS:
                raise TooMany(f"Limit exceeded: {MAX_TOPICS} topics")
            self._last_page = max(int(self._wall_clock()), self._last_page + 1)
            topic = self._topics[cache, name] = Topic(self._last_page)
        return topic

    def publish(self, cache: str, name: str, value: str | bytes) -> None:
        """Append a message to the topic. Raises InvalidArgument for an empty name, TooLarge for the message."""
        self.open(cache, name).publish(value)
        self.published += 1

    def drop(self, cache: str) -> None:
        """End every topic of the cache."""
        for key in [key for key in self._topics if key[0] == cache]:
            self._topics.pop(key).close()

    def check_room(self) -> None:
        """Raises TooMany when there is no place for one more subscription."""
        if self.subscribers >= MAX_SUBSCRIPTIONS:
            raise TooMany(f"Limit exceeded: {MAX_SUBSCRIPTIONS} subscriptions", "topic_subscriptions_limit_exceeded")

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open, streams and long polls together."""
        return sum(topic.watchers for topic in self._topics.values())
