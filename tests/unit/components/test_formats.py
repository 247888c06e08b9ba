"""How numbers, ages and moments are written for people."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import formats

#: 2026-11-21 21:44:16 UTC.
THEN = 1_795_297_456.0


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5, "now"),
        (0.99, "now"),
        (1, "1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (183_600, "2 d 3 h"),
    ],
)
def test_an_age_is_told_in_its_largest_units(seconds: float, written: str) -> None:
    assert formats.age(seconds) == written


def test_an_age_in_a_sentence() -> None:
    assert formats.ago(0.2) == "just now"
    assert formats.ago(240) == "4 min ago"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.04, "0.0 ms"),
        (4.24, "4.2 ms"),
        (128.4, "128 ms"),
        (999.0, "999 ms"),
        (1_000.0, "1.0 s"),
        (2_345.0, "2.3 s"),
        (12_345.0, "12.3 s"),
    ],
)
def test_a_duration_has_as_many_digits_as_mean_something(value: float | None, written: str) -> None:
    assert formats.milliseconds(value) == written


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_never_has_more_digits_after_the_point_than_one(value: float) -> None:
    digits, unit = formats.milliseconds(value).split(" ")

    assert unit in ("ms", "s")
    assert len(digits.partition(".")[2]) <= 1


def test_counts_are_written_with_their_nouns() -> None:
    assert formats.counted(1, "message") == "1 message"
    assert formats.counted(0, "message") == "0 messages"
    assert formats.counted(2000, "message") == "2,000 messages"
    assert formats.counted(2, "entry", "entries") == "2 entries"
    assert formats.number(1234567.0) == "1,234,567"


def test_a_moment_is_told_in_the_viewers_zone_by_name() -> None:
    oslo = formats.zone("Europe/Oslo")

    assert formats.clock(THEN, oslo) == "22:44:16 CET"
    assert formats.moment(THEN, oslo) == "2026-11-21 22:44:16 CET"
    assert formats.moment(THEN, UTC) == "2026-11-21 21:44:16 UTC"


@pytest.mark.parametrize("name", [None, "", "Not/AZone", "../../etc/passwd", "\x00"])
def test_a_zone_that_is_not_known_is_utc(name: str | None) -> None:
    assert formats.zone(name) is UTC


def test_a_zone_that_is_known_is_taken() -> None:
    assert formats.zone("America/New_York") == ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.0, "59 s"), (59.1, "1:00"), (247, "4:07"), (3_599.5, "1:00:00"), (86_400, "24:00:00")],
)
def test_what_is_left_of_a_time_counts_down_by_the_second(seconds: float, text: str) -> None:
    assert formats.countdown(seconds) == text
