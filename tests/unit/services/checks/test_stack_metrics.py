"""CloudWatch's metrics of the stack: which, and how they are held against the log."""

from __future__ import annotations

from core import names
from services.checks.cloudwatch import Point, Series
from services.checks.stack_metrics import WINDOW_S, Measured, compare, metrics_of
from services.logs.executions import Execution, Outcome

MINUTE = 1_763_760_780.0
ARN = "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026-11-21T21:33:31.000"


def test_every_metric_is_asked_for_once_and_all_fit_into_one_call() -> None:
    metrics = metrics_of(ARN)

    asked = {(one.query.namespace, one.query.metric, one.query.dimensions) for one in metrics}
    assert len(asked) == len(metrics) <= 500
    stream = metrics[-1].query
    assert ("StreamLabel", "2026-11-21T21:33:31.000") in stream.dimensions


def test_without_a_stream_its_metrics_are_left_out() -> None:
    assert len(metrics_of("")) == len(metrics_of(ARN)) - 1


def measured(flow: str, group: str, *values: float) -> Measured:
    """A metric of a flow with a value in each minute from MINUTE on."""
    (metric,) = [one for one in metrics_of(ARN) if (one.group, one.resource) == (group, flow)]
    points = tuple(Point(MINUTE + 60 * number, value) for number, value in enumerate(values))
    return Measured(metric, Series(metric.query.name, metric.query.unit, points, MINUTE + 600))


def execution(flow: str, after_s: float, outcome: Outcome = Outcome.SUCCEEDED) -> Execution:
    start = int((MINUTE + after_s) * 1000)
    return Execution(f"{flow}-{after_s}", names.pipe(flow), start, start + 12, outcome)


def test_counts_are_compared_over_the_whole_minutes_that_both_know() -> None:
    cloudwatch = [
        measured(names.CACHE_PUT, "Invocations", 100, 2, 3),
        measured(names.CACHE_PUT, "Failed executions", 0, 1, 0),
    ]
    log = [
        execution(names.CACHE_PUT, 30),
        execution(names.CACHE_PUT, 61),
        execution(names.CACHE_PUT, 70, Outcome.FAILED),
        execution(names.CACHE_PUT, 179.9),
        execution(names.CACHE_PUT, 180),
        execution(names.CACHE_DELETE, 120),
    ]

    put, publish, delete = compare(cloudwatch, log, log_since=MINUTE + 20)

    assert (put.since, put.until) == (MINUTE + 60, MINUTE + 180)
    assert (put.invocations, put.executions, put.failed, put.failed_logged) == (5, 3, 1, 1)
    assert (publish.invocations, publish.executions) == (0, 0)
    assert (delete.invocations, delete.executions) == (0, 1)


def test_a_log_that_is_kept_for_longer_is_compared_within_the_window_of_the_metrics_only() -> None:
    cloudwatch = [measured(names.CACHE_PUT, "Invocations", 100, 2)]
    log = [execution(names.CACHE_PUT, -20_000), execution(names.CACHE_PUT, 61)]

    put, *_ = compare(cloudwatch, log, log_since=MINUTE - 86_400)

    # The metrics were read ten minutes after MINUTE.
    assert put.since == MINUTE + 600 - WINDOW_S
    assert put.executions == 1


def test_nothing_is_compared_before_a_whole_minute_is_known_to_both() -> None:
    assert compare([measured(names.CACHE_PUT, "Invocations", 5)], [], log_since=MINUTE + 1) == ()
    assert compare([], [], log_since=MINUTE) == ()
