"""Batches, cursors, back-off, rate limits and metrics: the pure parts of running batches."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.pipes.delivery.polling_backoff import PollingBackOff
from sandbox.pipes.log.metrics import ExecutionReport, Metric, PipeMetrics
from sandbox.pipes.plan.batches import (
    Batch,
    InvalidItemFailures,
    bisected,
    expired_count,
    first_failed_item,
)
from sandbox.pipes.stream.cursor import Cursor
from sandbox.pipes.target.oauth import ClientCredentials
from sandbox.pipes.target.outcomes import retry_after_s
from sandbox.pipes.target.rate_limit import RateLimits


def record(number: int) -> dict[str, Any]:
    """A stream record with this sequence number, created in that second."""
    change = {"SequenceNumber": f"{number:021d}", "ApproximateCreationDateTime": number, "SizeBytes": 10}
    return {"eventID": f"e{number}", "dynamodb": change}


def batch(size: int) -> Batch:
    """A batch of records 0, 1, ..."""
    return Batch("shard", "shard#0", tuple(record(number) for number in range(size)))


@pytest.mark.parametrize(
    ("answer", "position"),
    [
        ("", None),
        ("not json", None),
        ('{"batchItemFailures":[]}', None),
        ('{"batchItemFailures":null}', None),
        ('["batchItemFailures"]', None),
        ('{"batchItemFailures":' + "[" * 5000 + "]" * 5000 + "}", None),
        ('{"batchItemFailures":[{"itemIdentifier":"e2"}]}', 2),
        ('{"batchItemFailures":[{"itemIdentifier":"e3"},{"itemIdentifier":"e1"}]}', 1),
        ('{"batchItemFailures":[{"itemIdentifier":"000000000000000000003"}]}', 3),
    ],
)
def test_the_first_failed_item_is_where_a_batch_is_taken_up_again(answer: str, position: int | None) -> None:
    assert first_failed_item(batch(4), answer) == position


@pytest.mark.parametrize(
    "failures",
    [[{"itemIdentifier": ""}], [{"itemIdentifier": None}], [{"id": "e1"}], [{"itemIdentifier": "x"}], ["e1"], "e1"],
)
def test_item_failures_that_name_nothing_fail_the_whole_batch(failures: Any) -> None:
    with pytest.raises(InvalidItemFailures):
        first_failed_item(batch(4), json.dumps({"batchItemFailures": failures}))


def test_a_failing_batch_is_halved_what_is_left_of_it_is_not_and_a_single_record_cannot_be() -> None:
    whole = batch(5)
    assert [len(part.records) for part in bisected(whole, whole)] == [3, 2]
    assert bisected(whole, whole.cut(2)[1]) == [whole.cut(2)[1]]
    assert bisected(batch(1), batch(1)) == []


def test_the_beginning_of_a_batch_may_be_too_old() -> None:
    assert expired_count(batch(5), lambda created_s: created_s < 2) == 2
    assert expired_count(batch(5), lambda created_s: True) == 5


@given(st.permutations(range(6)), st.integers(0, 6))
def test_a_cursor_never_passes_a_record_that_is_not_done(order: list[int], count: int) -> None:
    cursor = Cursor()
    records = [record(number) for number in range(6)]
    assert cursor.take(records) == records
    done = set(order[:count])
    for number in order[:count]:
        cursor.done(records[number])
    prefix = next((number for number in range(6) if number not in done), 6)
    assert cursor.sequence == (records[prefix - 1]["dynamodb"]["SequenceNumber"] if prefix else "")

    cursor.go_back()
    again = cursor.take(records[prefix:])
    assert again == [each for each in records[prefix:] if int(each["dynamodb"]["SequenceNumber"]) not in done]


def test_polling_backs_off_after_many_failures_in_a_row_and_is_bounded() -> None:
    back_off = PollingBackOff()
    pauses = []
    for _ in range(200):
        back_off.failed()
        pauses.append(back_off.pause_s)
    assert pauses[:50] == [0.0] * 50
    assert pauses == sorted(pauses)
    assert 0 < pauses[-1] <= 0.2
    back_off.succeeded()
    assert back_off.pause_s == 0


async def test_a_limit_lets_a_second_s_worth_through_at_once_and_is_one_for_all_who_ask() -> None:
    limits = RateLimits()
    began_s = time.monotonic()
    for _ in range(50):
        await limits.of("arn", 50).admit()
    assert time.monotonic() - began_s < 0.5
    for _ in range(10):
        await limits.of("arn", 50).admit()
    assert time.monotonic() - began_s > 0.15


async def test_a_limit_that_is_lowered_holds_from_then_on() -> None:
    limits = RateLimits()
    limits.of("arn", 1000)
    began_s = time.monotonic()
    for _ in range(7):
        await limits.of("arn", 5).admit()
    assert time.monotonic() - began_s > 0.3


@pytest.mark.parametrize(("value", "pause"), [("3", 3.0), ("900", 30.0), ("-1", 0.0), ("soon", 0.0), ("", 0.0)])
def test_retry_after_is_read_in_seconds_and_capped(value: str, pause: float) -> None:
    assert retry_after_s({"retry-after": value}, 0.0) == pause


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    headers = {"Retry-After": format_datetime(now + timedelta(seconds=7), usegmt=True)}
    assert retry_after_s(headers, now.timestamp()) == 7.0
    assert retry_after_s(headers, now.timestamp() + 60) == 0.0


def test_metrics_are_statistic_sets_that_start_anew_when_taken() -> None:
    metrics = PipeMetrics()
    for duration in (4.0, 2.0):
        metrics.begin("r")
        metrics.end("r", "p", ExecutionReport(3, 30, duration, 1.0, frozenset({"ExecutionFailed"})))

    taken = {(metric.pipe, metric.name): metric for metric in metrics.take()}

    assert taken["p", "Duration"] == Metric("Duration", "p", "r", "Milliseconds", 2, 6.0, 2.0, 4.0)
    assert taken["p", "EventCount"].sum == 6
    assert taken["p", "ExecutionFailed"] == Metric("ExecutionFailed", "p", "r", "None", 2, 2, 1, 1)
    assert (taken["p", "ExecutionTimeout"].count, taken["p", "ExecutionTimeout"].sum) == (2, 0)
    assert taken["", "Concurrency"].maximum == 1
    assert metrics.take() == []


def test_metrics_of_pipes_of_one_name_in_two_regions_stay_apart() -> None:
    metrics = PipeMetrics()
    for region, events in (("us-west-2", 1), ("eu-west-1", 2)):
        metrics.begin(region)
        metrics.end(region, "p", ExecutionReport(events, 30, 1.0, 1.0, frozenset()))

    taken = {(metric.region, metric.name): metric for metric in metrics.take()}

    assert (taken["us-west-2", "EventCount"].sum, taken["eu-west-1", "EventCount"].sum) == (1, 2)
    assert taken["us-west-2", "Concurrency"].maximum == taken["eu-west-1", "Concurrency"].maximum == 1


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(ClientCredentials("https://a", "POST", "me", "s3cret", {"h": "s3cret"}, {}, {}))
    assert "s3cret" not in shown
