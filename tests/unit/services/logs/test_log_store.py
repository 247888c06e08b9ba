"""The log store: it keeps what comes in any order, finds it again by every filter, and lets the oldest go."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.logs import store as log_store
from services.logs.executions import Outcome, PipeTally, executions, tally
from services.logs.queries import FOREIGN, LogQuery
from services.logs.store import LogStore, RawEvent
from tests.unit.services.logs.test_pipe_logs import VALIDATION_LINE

PUT, PUBLISH = "weather-stats-demo-cache-put-pipe", "weather-stats-demo-topic-publish-pipe"
BEGIN_MS = 1_795_305_600_000


@pytest.fixture
def store() -> Iterator[LogStore]:
    store = LogStore()
    yield store
    store.close()


def event(execution: str, kind: str, at_ms: int, pipe: str = PUT, **more: Any) -> RawEvent:
    """A record as the sandbox and AWS write it."""
    level = "ERROR" if kind.endswith("Failed") else "INFO"
    content = {
        "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe}",
        "timestamp": at_ms,
        "executionId": execution,
        "messageType": kind,
        "logLevel": level,
        **more,
    }
    return RawEvent(f"{execution}-{kind}-{at_ms}", at_ms, json.dumps(content, ensure_ascii=False))


def change(location: str, number: int) -> dict[str, Any]:
    return {
        "eventName": "MODIFY",
        "dynamodb": {
            "Keys": {"Location": {"S": location}},
            "SequenceNumber": f"{10**20 + number}",
            "ApproximateCreationDateTime": BEGIN_MS // 1000,
        },
    }


def success(execution: str, at_ms: int, *changes: dict[str, Any], pipe: str = PUT) -> list[RawEvent]:
    return [
        event(execution, "ExecutionStarted", at_ms, pipe, payload=json.dumps(changes, ensure_ascii=False)),
        event(execution, "TargetStageEntered", at_ms + 1, pipe),
        event(execution, "ExecutionSucceeded", at_ms + 12, pipe),
    ]


def failure(execution: str, at_ms: int, status: int, message: str, pipe: str = PUT) -> list[RawEvent]:
    error = {"message": message, "httpStatusCode": status}
    return [
        event(execution, "ExecutionStarted", at_ms, pipe, payload=json.dumps([change("Bergen", at_ms)])),
        event(execution, "TargetInvocationFailed", at_ms + 5, pipe, error=error),
        event(execution, "ExecutionFailed", at_ms + 6, pipe, error=error),
    ]


FULL = [
    *success("aaaaaaaa-0000-4000-8000-000000000001", BEGIN_MS, change("Zürich", 1)),
    *success("aaaaaaaa-0000-4000-8000-000000000002", BEGIN_MS + 1000, change("Oslo", 2), change("Turku", 3)),
    *failure("aaaaaaaa-0000-4000-8000-000000000003", BEGIN_MS + 2000, 500, "Refused, request 17"),
    *failure("aaaaaaaa-0000-4000-8000-000000000004", BEGIN_MS + 3000, 500, "Refused, request 18", PUBLISH),
    *failure("aaaaaaaa-0000-4000-8000-000000000005", BEGIN_MS + 4000, 429, "Refused, request 19"),
    RawEvent("validation", BEGIN_MS + 5000, VALIDATION_LINE),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (LogQuery(), [5, 4, 3, 2, 1]),
        (LogQuery(since_ms=BEGIN_MS + 2500), [5, 4]),
        (LogQuery(until_ms=BEGIN_MS + 1500), [2, 1]),
        (LogQuery(pipe=PUBLISH), [4]),
        (LogQuery(outcome=Outcome.SUCCEEDED), [2, 1]),
        (LogQuery(level="ERROR"), [5, 4, 3]),
        (LogQuery(message_type="TargetStageEntered"), [2, 1]),
        (LogQuery(message_type="TargetStage"), []),
        (LogQuery(location="Oslo"), [2]),
        (LogQuery(location="Turku"), [2]),
        (LogQuery(location="Turk"), []),
        (LogQuery(text="zürich"), [1]),
        (LogQuery(text="REQUEST 18"), [4]),
        (LogQuery(text="100%"), []),
        (LogQuery(text="_"), []),
        (LogQuery(text=f"{10**20 + 3}"), [2]),
        (LogQuery(text="aaaaaaaa-0000-4000-8000-000000000004"), [4]),
        (LogQuery(signature="HTTP 500: Refused, request <n>"), [4, 3]),
        (LogQuery(signature="HTTP 500: Refused, request <n>", pipe=PUT), [3]),
    ],
)
def test_every_filter_finds_its_executions(store: LogStore, query: LogQuery, found: list[int]) -> None:
    store.add(FULL)

    assert [int(one.execution_id[-1]) for one in store.executions(query, 10)] == found
    assert store.count_executions(query) == len(found)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (LogQuery(), 16),
        (LogQuery(pipe=PUBLISH), 3),
        (LogQuery(level="ERROR"), 6),
        (LogQuery(message_type="ExecutionFailed"), 3),
        (LogQuery(message_type=FOREIGN), 1),
        (LogQuery(location="Turku"), 3),
        (LogQuery(outcome=Outcome.FAILED, pipe=PUT), 6),
        (LogQuery(text="request 18"), 2),
        (LogQuery(text="permissions ARE set"), 1),
        (LogQuery(since_ms=BEGIN_MS + 4500), 1),
        (LogQuery(until_ms=BEGIN_MS + 12), 3),
    ],
)
def test_every_filter_finds_its_records(store: LogStore, query: LogQuery, count: int) -> None:
    store.add(FULL)

    found = store.records(query, 100)
    assert len(found) == store.count_records(query) == count
    assert [record.time_ms for record in found] == sorted((record.time_ms for record in found), reverse=True)


def test_pages_follow_each_other_without_a_gap(store: LogStore) -> None:
    store.add(FULL)

    pages = [store.executions(LogQuery(), 2, offset) for offset in (0, 2, 4, 6)]

    assert [int(one.execution_id[-1]) for page in pages for one in page] == [5, 4, 3, 2, 1]


def test_the_records_of_an_execution_are_in_the_order_of_their_times(store: LogStore) -> None:
    store.add(reversed(FULL))

    records = store.records_of("aaaaaaaa-0000-4000-8000-000000000003")

    assert [record.message_type for record in records] == [
        "ExecutionStarted",
        "TargetInvocationFailed",
        "ExecutionFailed",
    ]


def test_a_batch_is_counted_and_found_by_each_of_its_records(store: LogStore) -> None:
    store.add(FULL)

    one = store.execution("aaaaaaaa-0000-4000-8000-000000000002")

    assert one is not None
    assert (one.batch, one.location, one.sequence_number) == (2, "Oslo", f"{10**20 + 2}")


def test_errors_that_are_alike_are_one_group_with_its_trend(store: LogStore) -> None:
    store.add(FULL)

    refused, throttled = store.error_groups(LogQuery(since_ms=BEGIN_MS), BEGIN_MS + 4800)

    assert (refused.signature, refused.count) == ("HTTP 500: Refused, request <n>", 2)
    assert (refused.first_ms, refused.last_ms) == (BEGIN_MS + 2000, BEGIN_MS + 3006)
    assert refused.pipes == (PUT, PUBLISH)
    assert sum(refused.trend) == 2
    assert refused.trend.index(1) < refused.trend.index(1, refused.trend.index(1) + 1)
    assert (throttled.signature, throttled.count) == ("HTTP 429: Refused, request <n>", 1)


def test_what_came_is_told_once_however_often_it_comes(store: LogStore) -> None:
    assert len(store.add(FULL)) == 16
    assert store.add(FULL) == []
    assert store.count_records(LogQuery()) == store.records_kept == 16


@settings(deadline=None, max_examples=40)
@given(st.permutations(FULL), st.lists(st.integers(1, 16), max_size=3))
def test_the_order_of_arrival_does_not_matter(events: Sequence[RawEvent], cuts: list[int]) -> None:
    store, records = LogStore(), []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 16], strict=True):
        records += store.add(events[begin:end])
    found = store.executions(LogQuery(), 10)

    assert list(found) == executions(records)
    in_order = LogStore()
    in_order.add(FULL)
    assert found == in_order.executions(LogQuery(), 10)
    assert store.error_groups(LogQuery(), BEGIN_MS) == in_order.error_groups(LogQuery(), BEGIN_MS)
    since = BEGIN_MS + 1005
    assert store.tallies(since) == tally(found, since)
    in_order.close()
    store.close()


def test_a_tally_names_the_latest_error(store: LogStore) -> None:
    store.add(FULL)

    assert store.tallies(BEGIN_MS)[PUT] == PipeTally(
        succeeded=2,
        failed=2,
        last_success_ms=BEGIN_MS + 1012,
        last_failure_ms=BEGIN_MS + 4006,
        last_error="Refused, request 19",
    )


def test_what_is_too_old_leaves(store: LogStore) -> None:
    store.add(FULL)

    store.trim(BEGIN_MS + 2500)

    assert [int(one.execution_id[-1]) for one in store.executions(LogQuery(), 10)] == [5, 4]
    assert store.records_kept == store.count_records(LogQuery()) == 7
    assert store.count_executions(LogQuery(location="Oslo")) == 0
    assert store.let_go_ms == 0, "a wider window may bring them back"


def test_the_oldest_leave_when_there_are_too_many_and_do_not_come_back(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_store, "CAPACITY", 4)
    store.add(FULL)

    store.trim(0)
    assert store.records_kept == 4
    assert store.let_go_ms == BEGIN_MS + 3006
    assert store.add(FULL[:-4]) == []
    assert store.records_kept == 4


def test_lines_of_a_quarter_of_a_megabyte_are_bounded_by_their_bytes(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_store, "CAPACITY_BYTES", 2_000_000)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(200):
        store.add([RawEvent(f"long {number}", BEGIN_MS + number, f"{number} " + "x" * 250_000)])
        store.trim(0)

    kept = store.records(LogQuery(), 100)
    assert 5 <= len(kept) <= 8
    assert kept[0].raw.startswith("199 ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


def test_an_answer_is_bounded_by_the_bytes_of_its_lines(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "ANSWER_BYTES", 2_500)
    store.add([RawEvent(f"long {number}", BEGIN_MS + number, f"{number} " + "x" * 998) for number in range(5)])

    assert [record.raw[0] for record in store.records(LogQuery(), 100)] == ["4", "3"]
    assert [record.raw[0] for record in store.records(LogQuery(), 100, 2)] == ["2", "1"]


def test_executions_are_bounded_too(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "EXECUTIONS", 2)
    store.add(FULL)

    store.trim(0)

    assert [int(one.execution_id[-1]) for one in store.executions(LogQuery(), 10)] == [5, 4]


def test_an_answer_is_asked_for_once_and_anew_after_something_came(store: LogStore) -> None:
    store.add(FULL)
    first = store.executions(LogQuery(), 10)
    store.add(success("aaaaaaaa-0000-4000-8000-000000000006", BEGIN_MS + 6000))

    assert len(store.executions(LogQuery(), 10)) == len(first) + 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=40), max_size=5), st.text(max_size=20))
def test_no_line_and_no_filter_whatever_raises(lines: list[str], text: str) -> None:
    store = LogStore()
    store.add([RawEvent(str(number), number, line) for number, line in enumerate(lines)])
    for query in (LogQuery(text=text), LogQuery(location=text, pipe=text, level=text, message_type=text)):
        store.executions(query, 5)
        store.records(query, 5)
        store.error_groups(replace(query, signature=text), 5)
    store.close()
