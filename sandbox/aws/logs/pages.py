"""Pages of FilterLogEvents over streams that are sorted by time, with a token that resumes exactly.

Events of all streams come in the order of timestamp, ingestion time, stream name and arrival. A page is a walk in
that order from where the last one ended; it ends after `limit` events, about 1 MB of text, or as many events looked
at, so that a page costs the same over a large group as over a small one. A page may thus be empty and still have a
token, as on AWS.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.logs.patterns import Matcher

#: An event as the emulator keeps it: timestamp, ingestionTime, message, eventId.
Event = dict[str, Any]

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
MOST_LOOKED_AT = 10_000
TOKEN_VALID_S = 24 * 60 * 60


class InvalidToken(Exception):
    """Raised when a nextToken is not one of ours, or is older than a day."""


@dataclass(frozen=True)
class Position:
    """The place of one event: `number` counts the events of its stream with the same timestamp."""

    timestamp: int
    ingestion_time: int
    stream: str
    number: int

    def as_tuple(self) -> tuple[int, int, str, int]:
        """The order of all events."""
        return self.timestamp, self.ingestion_time, self.stream, self.number


@dataclass(frozen=True)
class Query:
    """What is asked for. `after` is the place of the last event looked at, in the direction of `newest_first`."""

    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = MOST_EVENTS
    match: Matcher | None = None
    newest_first: bool = False
    after: Position | None = None


@dataclass(frozen=True)
class Page:
    """Events with their stream's name, and where to go on; None at the end."""

    events: list[tuple[Event, str]]
    last: Position | None


def read_page(streams: Mapping[str, list[Event]], query: Query) -> Page:
    """One page. Start and end of the time range are both inclusive, as the API's model says."""
    walk = _walk(streams, query)
    events: list[tuple[Event, str]] = []
    size = 0
    for looked_at, (event, index, stream) in enumerate(walk, start=1):
        if query.match is None or query.match(event["message"]):
            events.append((event, stream))
            size += len(event["message"].encode())
        if len(events) >= query.limit or size >= MOST_BYTES or looked_at >= MOST_LOOKED_AT:
            more = next(walk, None) is not None
            return Page(events, _position(streams[stream], index, stream) if more else None)
    return Page(events, None)


_Found = tuple[Event, int, str]


def _walk(streams: Mapping[str, list[Event]], query: Query) -> Iterator[_Found]:
    """All events of the range that come after the position, in order."""
    names = sorted(streams, reverse=query.newest_first)
    parts = [_walk_stream(streams[name], name, query) for name in names]
    # heapq.merge keeps the order of its inputs where keys are equal, which is the order of names.
    return heapq.merge(*parts, key=_order, reverse=query.newest_first)


def _order(found: _Found) -> tuple[int, int]:
    return found[0]["timestamp"], found[0]["ingestionTime"]


def _timestamp(event: Event) -> int:
    return int(event["timestamp"])


def _walk_stream(history: list[Event], name: str, query: Query) -> Iterator[_Found]:
    start = 0 if query.start_ms is None else bisect_left(history, query.start_ms, key=_timestamp)
    end = len(history) if query.end_ms is None else bisect_right(history, query.end_ms, key=_timestamp)
    if query.after is not None:
        start, end = _resumed(history, name, query.after, start, end, newest_first=query.newest_first)
    for index in range(end - 1, start - 1, -1) if query.newest_first else range(start, end):
        yield history[index], index, name


def _resumed(
    history: list[Event], name: str, after: Position, start: int, end: int, *, newest_first: bool
) -> tuple[int, int]:
    """The range without what comes up to the position; going backwards, without what follows it."""
    first = bisect_left(history, after.timestamp, key=_timestamp)
    last = bisect_right(history, after.timestamp, key=_timestamp)
    same_moment = range(first, last)

    def place(index: int) -> tuple[int, int, str, int]:
        return after.timestamp, history[index]["ingestionTime"], name, index - first

    if newest_first:
        return start, min(end, first + bisect_left(same_moment, after.as_tuple(), key=place))
    return max(start, first + bisect_right(same_moment, after.as_tuple(), key=place)), end


def _position(history: list[Event], index: int, stream: str) -> Position:
    event = history[index]
    first = bisect_left(history, event["timestamp"], key=_timestamp)
    return Position(event["timestamp"], event["ingestionTime"], stream, index - first)


def token_of(position: Position, *, newest_first: bool, now: Callable[[], float] = time.time) -> str:
    """An opaque token that goes on after a position, in the same direction."""
    content = [int(now()), newest_first, *position.as_tuple()]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def read_token(token: str, *, now: Callable[[], float] = time.time) -> tuple[Position, bool]:
    """Position and direction (newest first) of a token. Raises InvalidToken."""
    try:
        issued, newest_first, timestamp, ingestion_time, stream, number = json.loads(
            base64.b64decode(token, altchars=b"-_", validate=True)
        )
        position = Position(int(timestamp), int(ingestion_time), str(stream), int(number))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidToken from error
    if now() - issued > TOKEN_VALID_S:
        raise InvalidToken
    return position, bool(newest_first)
