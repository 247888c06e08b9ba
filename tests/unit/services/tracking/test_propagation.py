"""The way of a write: which executions are its own, which steps it has, how they compare, and where to look."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core import names
from services.dead_letters.message import DeadLetter
from services.logs.executions import Outcome, executions, parse
from services.pipes.describe import Pipe
from services.tracking.hints import Hint, Place, hints
from services.tracking.pipe_step import Leg, image_mark, leg
from services.tracking.propagation import (
    Clock,
    Propagation,
    StepState,
    Typical,
    begun,
    legs_of,
    steps,
    typical,
)
from services.weather.table import WeatherRecord, Write
from tests.support.wire import item

SENT_AT = 1_795_308_030.2
SENT_MS = int(SENT_AT * 1000)
OSLO = WeatherRecord("Oslo", Decimal(70), Decimal(50), Decimal(10), 3600)
INSERT = Write("Oslo", "INSERT", OSLO, SENT_AT, 4.0, 1.0)
PUT, TOPIC, DELETE = names.PIPES


def a_leg(pipe: str, started_ms: int, **more: Any) -> Leg:
    fields = {
        "outcome": Outcome.SUCCEEDED,
        "location": "Oslo",
        "event_name": "INSERT",
        "sequence_number": "100",
        "created_s": 1_795_308_030,
        "image": image_mark(OSLO.item()),
        "target_ms": SENT_MS + started_ms + 1,
    } | more
    return Leg(f"{pipe} {started_ms}", pipe, SENT_MS + started_ms, SENT_MS + started_ms + 5, **fields)


def test_a_log_record_tells_what_joins_its_execution_with_a_write() -> None:
    change = {
        "eventName": "MODIFY",
        "dynamodb": {
            "Keys": {"Location": {"S": "Oslo"}},
            "SequenceNumber": "000042",
            "ApproximateCreationDateTime": 1_795_308_030,
            "NewImage": item("Oslo"),
        },
    }
    base = {"resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{PUT}", "executionId": "e1"}
    lines = (
        {"messageType": "ExecutionStarted", "timestamp": SENT_MS, "payload": json.dumps([change])},
        {"messageType": "TargetInvocationStarted", "timestamp": SENT_MS + 9},
        {"messageType": "TargetStageEntered", "timestamp": SENT_MS + 7},
    )

    records = [parse(str(at), SENT_MS, json.dumps(base | line)) for at, line in enumerate(lines)]
    (execution,) = executions(records)
    found = leg(execution, records)

    assert (found.sequence_number, found.created_s, found.image) == ("000042", 1_795_308_030, image_mark(OSLO.item()))
    assert found.target_ms == SENT_MS + 7


def test_the_mark_of_an_image_depends_on_its_weather_alone() -> None:
    mark = image_mark(item("Oslo"))

    assert image_mark({**item("Bergen", MaxTemp="70.0"), "Station": {"N": "1"}}) == mark
    assert image_mark(item("Oslo", MaxTemp="71")) != mark
    for odd in (None, {}, {"MaxTemp": {"S": "x"}}, {"MaxTemp": {"N": "x"}}, {"MaxTemp": None}, 7):
        assert image_mark(odd) == 0


def test_the_executions_of_a_write_are_those_of_the_first_fitting_record_after_it() -> None:
    own = (a_leg(TOPIC, 22), a_leg(PUT, 20))
    log = (
        a_leg(PUT, 900, sequence_number="102"),
        a_leg(PUT, 30, location="Bergen", sequence_number="101"),
        a_leg(PUT, 25, event_name="MODIFY", sequence_number="103"),
        a_leg(PUT, 24, image=1, sequence_number="104"),
        *own,
        a_leg(PUT, -700, sequence_number="99"),
        a_leg(PUT, -90_000, sequence_number="98"),
    )

    assert legs_of(INSERT, log) == own


def test_a_log_whose_clock_is_a_little_behind_is_still_joined() -> None:
    behind = a_leg(PUT, -700, sequence_number="99")

    assert legs_of(INSERT, (behind,)) == (behind,)
    assert legs_of(INSERT, (a_leg(PUT, -5_000),)) == ()


def test_a_write_begins_with_its_acknowledgement_and_waits_for_the_rest() -> None:
    shown = {step.words: (step.state, step.ms) for step in steps(begun(INSERT))}

    assert shown == {
        "DynamoDB acknowledged the write": (StepState.DONE, 4.0),
        "Stream record written": (StepState.WAITING, None),
        "cache-put started": (StepState.WAITING, None),
        "cache-put called its target": (StepState.WAITING, None),
        "cache-put succeeded": (StepState.WAITING, None),
        "topic-publish started": (StepState.WAITING, None),
        "topic-publish called its target": (StepState.WAITING, None),
        "topic-publish succeeded": (StepState.WAITING, None),
        "Topic event received": (StepState.WAITING, None),
        "Cache item readable": (StepState.WAITING, None),
    }


def test_a_write_that_changed_nothing_has_no_step_to_come() -> None:
    way = begun(replace(INSERT, kind=""))

    assert (way.expected, way.ended, way.complete, way.settled) == (False, True, True, True)
    assert [step.id for step in steps(way)] == ["acknowledged"]


ARRIVED = Propagation(INSERT, True, topic_ms=24.0, cache_ms=26.0, legs=(a_leg(TOPIC, 22), a_leg(PUT, 20)), waited_s=0.4)


def test_a_write_that_arrived_has_each_step_with_its_time_and_clock() -> None:
    shown = [(step.id, step.ms, step.clock) for step in steps(ARRIVED)]

    assert shown == [
        ("acknowledged", 4.0, Clock.OURS),
        ("stream", 0.0, Clock.STREAM),
        ("cache-put started", pytest.approx(20, abs=1), Clock.LOG),
        ("cache-put target", pytest.approx(21, abs=1), Clock.LOG),
        ("cache-put ended", pytest.approx(25, abs=1), Clock.LOG),
        ("topic-publish started", pytest.approx(22, abs=1), Clock.LOG),
        ("topic-publish target", pytest.approx(23, abs=1), Clock.LOG),
        ("topic-publish ended", pytest.approx(27, abs=1), Clock.LOG),
        ("topic", 24.0, Clock.OURS),
        ("cache", 26.0, Clock.OURS),
    ]
    assert (ARRIVED.complete, ARRIVED.settled, ARRIVED.late) == (True, True, False)


def test_it_is_complete_before_the_log_has_come_and_settled_only_then() -> None:
    way = replace(ARRIVED, legs=())

    assert (way.complete, way.settled, way.late) == (True, False, False)
    assert replace(way, waited_s=5.0).late


def test_a_delete_goes_through_its_own_pipe() -> None:
    way = begun(Write("Oslo", "REMOVE", None, SENT_AT, 4.0, 1.0))

    assert [step.words for step in steps(way)][2:] == [
        "cache-delete started",
        "cache-delete called its target",
        "cache-delete succeeded",
        "topic-publish started",
        "topic-publish called its target",
        "topic-publish succeeded",
        "Topic event received",
        "Cache item removed",
    ]


def test_a_failed_execution_is_a_failed_step_and_what_never_came_is_missing_in_the_end() -> None:
    failed = a_leg(PUT, 20, outcome=Outcome.FAILED)
    way = replace(ARRIVED, legs=(failed,), cache_ms=None, ended=True)

    states = {step.words: step.state for step in steps(way)}

    assert states["cache-put failed"] is StepState.FAILED
    assert states["topic-publish succeeded"] is StepState.MISSING
    assert states["Cache item readable"] is StepState.MISSING


def test_steps_are_compared_by_their_nearest_ranks() -> None:
    ways = [replace(begun(replace(INSERT, acknowledged_ms=float(ms))), topic_ms=None) for ms in range(1, 51)]

    assert typical(ways) == {"acknowledged": Typical(25.0, 48.0, 50)}
    assert typical(ways[:1]) == {"acknowledged": Typical(1.0, 1.0, 1)}
    assert typical([]) == {}
    assert "stream" not in typical([ARRIVED])


RUNNING = tuple(
    Pipe(names.pipe(flow), flow, "RUNNING", log_level="INFO", filters=('{"eventName": ["INSERT"]}',))
    for flow in names.FLOWS
)
LATE = replace(ARRIVED, cache_ms=None, legs=(a_leg(TOPIC, 22),), waited_s=6.0)


def with_put(**changes: Any) -> tuple[Pipe, ...]:
    return (replace(RUNNING[0], **changes), *RUNNING[1:])


def test_nothing_is_hinted_at_as_long_as_there_is_time_or_all_is_well() -> None:
    assert hints(replace(LATE, waited_s=1.0), RUNNING, ()) == ()
    assert hints(replace(ARRIVED, waited_s=9.0), RUNNING, ()) == ()
    assert hints(begun(replace(INSERT, kind="")), RUNNING, ()) == ()


@pytest.mark.parametrize(
    ("pipes", "text"),
    [
        (with_put(state="STOPPED"), "The pipe cache-put is stopped."),
        (with_put(log_level="OFF"), "The pipe cache-put writes no log: its level is OFF."),
        (
            with_put(log_level="ERROR"),
            "The pipe cache-put writes only errors into its log, and there is none of this record.",
        ),
        (
            RUNNING,
            'The log has nothing of the pipe cache-put for this record yet. Its filter: {"eventName": ["INSERT"]}.',
        ),
    ],
)
def test_a_pipe_without_an_execution_is_told_with_what_may_be_the_reason(pipes: tuple[Pipe, ...], text: str) -> None:
    assert hints(LATE, pipes, ()) == (Hint(text, Place.PIPES),)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome.FAILED, "The pipe cache-put failed after 3 failed attempts: HTTP 500"),
        (Outcome.HOLDING, "The pipe cache-put could not deliver and tries again: HTTP 500"),
    ],
)
def test_an_execution_that_did_not_succeed_is_told_with_its_error(outcome: Outcome, text: str) -> None:
    found = a_leg(PUT, 20, outcome=outcome, error="HTTP 500", attempts=3)
    way = replace(LATE, legs=(found, a_leg(TOPIC, 22)))

    assert hints(way, RUNNING, ()) == (Hint(text, Place.PIPES),)


@pytest.mark.parametrize(
    ("first", "last", "pipe", "found"),
    [
        ("100", "100", PUT, True),
        ("99", "101", PUT, True),
        ("00099", "101", PUT, True),
        ("101", "102", PUT, False),
        ("100", "100", TOPIC, False),
        ("", "", PUT, False),
        ("x", "y", PUT, False),
    ],
)
def test_a_dead_letter_is_linked_when_it_points_at_this_record(first: str, last: str, pipe: str, found: bool) -> None:
    letter = DeadLetter(
        "m1", "{}", datetime(2026, 11, 21, tzinfo=UTC), 1, pipe, first_sequence_number=first, last_sequence_number=last
    )
    way = replace(LATE, legs=(a_leg(PUT, 20, outcome=Outcome.FAILED), a_leg(TOPIC, 22)))

    assert (Place.DEAD_LETTERS in [hint.place for hint in hints(way, RUNNING, (letter,))]) is found


def test_when_the_pipes_delivered_the_other_side_is_where_to_look() -> None:
    no_topic = replace(ARRIVED, topic_ms=None, waited_s=6.0)
    no_cache = replace(ARRIVED, cache_ms=None, waited_s=6.0)

    assert [hint.place for hint in hints(no_topic, RUNNING, ())] == [Place.LIVE_TOPIC]
    assert [hint.place for hint in hints(no_cache, RUNNING, ())] == [Place.LOOKUP]
