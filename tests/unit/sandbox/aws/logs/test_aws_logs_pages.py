"""Pages over log streams: nothing lost, nothing twice, in order, wherever a page ends."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sandbox.aws.logs import pages as logs_pages
from sandbox.aws.logs.pages import (
    TOKEN_VALID_S,
    Event,
    InvalidToken,
    Position,
    Query,
    read_page,
    read_token,
    token_of,
)
from sandbox.aws.logs.patterns import compile_filter_pattern

Streams = dict[str, list[Event]]


def event(timestamp: int, message: str = "x", ingestion_time: int = 0) -> Event:
    """An event as the emulator keeps it."""
    return {"timestamp": timestamp, "ingestionTime": ingestion_time, "message": message, "eventId": message}


def crowded(seed: int = 1, count: int = 300) -> Streams:
    """Three streams with many events to a moment, some of them ingested late."""
    chance = random.Random(seed)
    streams: Streams = {}
    for name in ("b", "a", "c"):
        history = [event(chance.randrange(20), f"{name}-{number}", number) for number in range(count // 3)]
        streams[name] = sorted(history, key=lambda each: (each["timestamp"], each["ingestionTime"]))
    return streams


def in_order(streams: Streams) -> list[str]:
    """Messages of all events in the documented order."""
    found = [
        (each["timestamp"], each["ingestionTime"], name, index, each["message"])
        for name, history in streams.items()
        for index, each in enumerate(history)
    ]
    return [message for *_, message in sorted(found)]


def walk(streams: Streams, **settings: Any) -> list[list[str]]:
    """The messages of all pages; a token is written and read between two pages."""
    pages: list[list[str]] = []
    after: Position | None = None
    newest_first = settings.get("newest_first", False)
    while True:
        page = read_page(streams, Query(**settings, after=after))
        pages.append([found["message"] for found, _ in page.events])
        if page.last is None:
            return pages
        after, direction = read_token(token_of(page.last, newest_first=newest_first))
        assert direction is newest_first


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 299, 300, 1000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_of_any_size_hold_everything_once_and_in_order(limit: int, newest_first: bool) -> None:
    streams = crowded()

    pages = walk(streams, limit=limit, newest_first=newest_first)

    expected = in_order(streams)
    assert sum(pages, []) == (expected[::-1] if newest_first else expected)
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1], "no token leads to nothing when all events match"


def test_both_ends_of_the_time_range_are_inclusive() -> None:
    streams = {"s": [event(at, str(at)) for at in (1, 2, 2, 3, 4, 4, 5)]}

    assert walk(streams, start_ms=2, end_ms=4) == [["2", "2", "3", "4", "4"]]
    assert walk(streams, start_ms=2, end_ms=4, newest_first=True, limit=2) == [["4", "4"], ["3", "2"], ["2"]]
    assert walk(streams, start_ms=4, end_ms=2) == [[]]


def test_events_that_arrive_between_two_pages_are_neither_lost_nor_repeated() -> None:
    history = [event(1, "a"), event(1, "b"), event(2, "c")]
    first = read_page({"s": history}, Query(limit=2))
    history.insert(2, event(1, "late at the same moment", 5))
    history.append(event(3, "new"))

    second = read_page({"s": history}, Query(limit=10, after=first.last))

    assert [found["message"] for found, _ in second.events] == ["late at the same moment", "c", "new"]


def test_a_stream_that_is_gone_when_the_next_page_is_read_is_left_out() -> None:
    streams = {"a": [event(1, "a1"), event(3, "a3")], "b": [event(2, "b2"), event(4, "b4")]}
    first = read_page(streams, Query(limit=2))

    second = read_page({"a": streams["a"]}, Query(after=first.last))

    assert [found["message"] for found, _ in second.events] == ["a3"]


def test_a_page_ends_at_a_megabyte_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {"s": [event(at, "ü" * 300_000) for at in range(5)]}

    pages = walk(streams)

    assert [len(page) for page in pages] == [2, 2, 1], "600,000 bytes each"


def test_a_search_for_little_gives_empty_pages_that_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_pages, "MOST_LOOKED_AT", 10)
    streams = {"s": [event(at, "needle" if at == 35 else "hay") for at in range(50)]}

    pages = walk(streams, match=compile_filter_pattern("needle"))

    assert pages == [[], [], [], ["needle"], []]


def test_a_token_is_good_for_a_day() -> None:
    place = Position(1, 2, "a/b-ü", 3)
    token = token_of(place, newest_first=True, now=lambda: 1000.0)

    assert read_token(token, now=lambda: 1000.0 + TOKEN_VALID_S) == (place, True)
    with pytest.raises(InvalidToken):
        read_token(token, now=lambda: 1002.0 + TOKEN_VALID_S)


@pytest.mark.parametrize("token", ["x", "!!!!", "bm8=", "WzFd", "WzEsMiwieCIsImEiLCJiIiwiYyJd", "ü", "MQ=="])
def test_a_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        read_token(token)
