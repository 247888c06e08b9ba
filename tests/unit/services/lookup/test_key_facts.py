"""What is known of a key, from topic events, the pipes' log and dead letters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core import names
from services.cache.agreement import Delivery, Letter
from services.dead_letters.message import DeadLetter
from services.logs.executions import Execution, LogRecord, Outcome, executions, parse
from services.lookup.key_evidence import RUNNING_S, KeyFacts, facts
from services.topic.events import TopicEvent, parse_event

NOW = 1_795_300_000.0
PUT, DELETE = names.pipe(names.CACHE_PUT), names.pipe(names.CACHE_DELETE)


def event(location: str, kind: str, ago_s: float) -> TopicEvent:
    """A topic event of so many seconds ago."""
    numbers = {"MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "0"} if kind != "REMOVE" else {}
    return parse_event(json.dumps({"EventType": kind, "Location": location, **numbers}), 1, 1, NOW - ago_s)


def logged(pipe: str, location: str, ago_s: float, end: str, sequence: str = "42", error: str = "") -> list[LogRecord]:
    """The first and the last record of an execution."""
    change = {"eventName": "INSERT", "dynamodb": {"Keys": {"Location": {"S": location}}, "SequenceNumber": sequence}}
    name = f"{pipe} {location} {ago_s}"

    def record(kind: str, **more: Any) -> LogRecord:
        content = {
            "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe}",
            "timestamp": int((NOW - ago_s) * 1000),
            "executionId": name,
            "messageType": kind,
            **more,
        }
        return parse(f"{name} {kind}", int((NOW - ago_s) * 1000), json.dumps(content))

    return [record("ExecutionStarted", payload=json.dumps([change])), record(end, error={"message": error})]


def letter(pipe: str, sequence: str, batch_size: int = 1) -> DeadLetter:
    """A dead letter that points at a record of the stream."""
    return DeadLetter(
        "id", "{}", datetime.fromtimestamp(NOW, UTC), 1, pipe, batch_size=batch_size, first_sequence_number=sequence
    )


def known(events: list[TopicEvent], records: list[LogRecord], letters: list[DeadLetter] | None = None) -> KeyFacts:
    """The facts in those."""
    location_of = {change.sequence_number: change.location for record in records for change in record.changes}
    return facts(NOW, events, executions(records), location_of, letters or [])


def test_the_newest_execution_of_the_pipe_that_counts_is_the_delivery() -> None:
    records = [
        *logged(PUT, "Oslo", 90, "ExecutionFailed", error="HTTP 500"),
        *logged(PUT, "Oslo", 30, "ExecutionSucceeded"),
        *logged(DELETE, "Oslo", 60, "ExecutionFailed", error="HTTP 503"),
    ]

    there = known([], records).of("Oslo", in_table=True)
    gone = known([], records).of("Oslo", in_table=False)

    assert (there.delivery, there.delivery_at, there.error) == (Delivery.DELIVERED, NOW - 30, "")
    assert (gone.delivery, gone.delivery_at, gone.error) == (Delivery.FAILED, NOW - 60, "HTTP 503")
    assert there.changed_at == gone.changed_at == NOW - 30


def test_a_log_that_is_behind_the_topic_tells_nothing_of_the_newest_change() -> None:
    """CloudWatch may be a minute late; the delivery that it shows is of the change before."""
    found = known([event("Oslo", "MODIFY", 10)], logged(PUT, "Oslo", 300, "ExecutionSucceeded")).of("Oslo", True)

    assert (found.delivery, found.changed_at) == (None, NOW - 10)


def test_an_execution_without_an_end_is_under_way_only_for_a_while() -> None:
    young = Execution("a", PUT, int((NOW - 5) * 1000), int((NOW - 5) * 1000), Outcome.RUNNING, "Young")
    old_ms = int((NOW - RUNNING_S - 1) * 1000)
    old = Execution("b", PUT, old_ms, old_ms, Outcome.RUNNING, "Old")

    found = facts(NOW, [], (young, old), {}, [])

    assert found.of("Young", True).delivery is Delivery.RUNNING
    assert found.of("Old", True).delivery is None


def test_a_letter_is_joined_to_its_key_by_the_sequence_number_in_the_log() -> None:
    records = logged(PUT, "Oslo", 30, "ExecutionFailed", sequence="7", error="HTTP 500")

    found = known([], records, [letter(PUT, "7")])

    assert found.of("Oslo", True).letter is Letter.POINTS_AT_IT
    assert found.of("Oslo", False).letter is Letter.NONE, "that letter is of the other pipe"
    assert found.of("Bergen", True).letter is Letter.NONE


def test_a_letter_that_nobody_knows_the_record_of_may_be_of_any_key() -> None:
    for unknown in (letter(PUT, "8"), letter(PUT, "7", batch_size=3)):
        found = known([], logged(PUT, "Oslo", 30, "ExecutionFailed", sequence="7"), [unknown])
        assert found.of("Bergen", True).letter is Letter.MAY_BE


def test_a_delivery_after_the_letter_makes_it_history() -> None:
    records = [
        *logged(PUT, "Oslo", 60, "ExecutionFailed", sequence="7"),
        *logged(PUT, "Oslo", 30, "ExecutionSucceeded", sequence="9"),
    ]

    assert known([], records, [letter(PUT, "7")]).of("Oslo", True).letter is Letter.NONE


def test_keys_that_were_deleted_are_those_that_topic_or_log_say_so_of_last() -> None:
    events = [event("Back", "REMOVE", 50), event("Back", "INSERT", 40), event("Gone", "REMOVE", 30)]

    found = known(events, logged(DELETE, "Logged", 20, "ExecutionSucceeded"))

    assert found.removed == {"Gone", "Logged"}
    assert found.locations == {"Back", "Gone", "Logged"}


@pytest.mark.parametrize(("in_table", "late", "first"), [(True, DELETE, PUT), (False, PUT, DELETE)])
def test_a_delivery_of_the_other_pipe_that_came_later_has_overtaken(in_table: bool, late: str, first: str) -> None:
    in_order = [*logged(late, "Oslo", 60, "ExecutionSucceeded"), *logged(first, "Oslo", 30, "ExecutionSucceeded")]
    overtaken = [*logged(first, "Oslo", 60, "ExecutionSucceeded"), *logged(late, "Oslo", 30, "ExecutionSucceeded")]
    failed = [*logged(first, "Oslo", 60, "ExecutionSucceeded"), *logged(late, "Oslo", 30, "ExecutionFailed")]

    told = [known([], records).of("Oslo", in_table).overtaken for records in (in_order, overtaken, failed)]

    assert told == [False, True, False]
