"""The way of many rows: how many have taken each step, which are timed, and which are late."""

from __future__ import annotations

from dataclasses import replace

from services.tracking.batch_summary import NAMED, summary
from services.tracking.propagation import LATE_S, Propagation, Typical, begun
from services.weather.table import WeatherRecord, Write
from tests.unit.services.tracking.test_propagation import OSLO, SENT_AT

NOW = SENT_AT + LATE_S + 1


def row(number: int, *, kind: str = "INSERT", record: WeatherRecord | None = OSLO) -> Propagation:
    return begun(Write(f"Town {number}", kind, record, SENT_AT, 4.0, 1.0))


def test_rows_are_counted_by_step_and_only_the_timed_ones_tell_how_fast_the_cache_was() -> None:
    rows = [replace(row(number), topic_ms=10.0 + number, cache_ms=20.0 + number) for number in range(3)]
    rows += [replace(row(3), topic_ms=13.0), row(4), row(5, kind="")]

    way = summary(rows, frozenset({"Town 1", "Town 4"}), SENT_AT, ended=False)

    assert [(step.words, step.done, step.expected) for step in way.steps] == [
        ("DynamoDB acknowledged the write", 6, 6),
        ("Topic event received", 4, 5),
        ("Cache item readable", 3, 5),
    ]
    assert [step.usual for step in way.steps] == [Typical(4, 4, 6), Typical(11, 13, 4), Typical(21, 21, 1)]
    assert (way.late, way.named) == (0, ()), "there was no time yet"


def test_rows_that_have_not_come_everywhere_in_time_are_late_and_the_first_are_named() -> None:
    rows = [row(number) for number in range(NAMED + 5)]
    there = replace(row(-1), topic_ms=10.0, cache_ms=20.0)

    way = summary([there, *rows], frozenset(), NOW, ended=False)

    assert way.late == NAMED + 5
    assert [one.write.location for one in way.named] == [f"Town {number}" for number in range(NAMED)]
    assert all(one.late for one in way.named)
    assert summary([there, row(0)], frozenset(), SENT_AT, ended=True).late == 1, "nobody looks any more"


def test_rows_that_were_deleted_leave_the_cache() -> None:
    way = summary([row(0, kind="REMOVE", record=None)], frozenset(), SENT_AT, ended=False)

    assert way.steps[-1].words == "Cache item removed"


def test_nothing_was_acknowledged_yet() -> None:
    way = summary([], frozenset(), SENT_AT, ended=False)

    assert not way.begun
    assert [step.usual for step in way.steps] == [None] * 3
