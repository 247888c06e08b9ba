"""Logs Insights: the exact calls, the query in its language, what it will cost and what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from core import names
from core.aws import Aws
from core.config import AwsAccess
from core.errors import NotFound, ServiceFailed, Throttled
from services.logs.executions import Outcome
from services.logs.insights import (
    MOST_RECORDS,
    Estimate,
    LogInsights,
    answered,
    estimated,
    price,
    query_text,
)
from services.logs.queries import LogQuery
from tests.unit.services.logs.test_pipe_logs import REAL_FAILURE

DAY_MS = 86_400_000
NOW_MS = 1_795_305_600_000
GROUP = names.log_group("us-west-2")
LAST_WEEK = LogQuery(since_ms=NOW_MS - 7 * DAY_MS, until_ms=NOW_MS)


@pytest.fixture
def insights() -> Iterator[tuple[LogInsights, Stubber]]:
    """Insights over a client that takes the expected calls only."""
    aws = Aws(AwsAccess(region="us-west-2", access_key_id="AKIA0", secret_access_key="x", endpoint_url=""))
    with Stubber(aws.patient.logs) as stub:
        yield LogInsights(aws), stub
        stub.assert_no_pending_responses()
    aws.close()


def test_a_query_is_started_read_and_stopped_with_just_these_parameters(insights: tuple[LogInsights, Stubber]) -> None:
    service, stub = insights
    stub.add_response(
        "start_query",
        {"queryId": "q1"},
        {
            "logGroupName": GROUP,
            "startTime": (NOW_MS - 7 * DAY_MS) // 1000,
            "endTime": NOW_MS // 1000,
            "queryString": query_text(LAST_WEEK),
            "limit": MOST_RECORDS,
        },
    )
    stub.add_response(
        "get_query_results",
        {
            "status": "Running",
            "results": [
                [
                    {"field": "@timestamp", "value": "2024-09-12 14:26:55.307"},
                    {"field": "@message", "value": json.dumps(REAL_FAILURE)},
                    {"field": "@ptr", "value": "CmEKJgo"},
                ]
            ],
            "statistics": {"recordsMatched": 1.0, "recordsScanned": 90.0, "bytesScanned": 61_000.0},
        },
        {"queryId": "q1"},
    )
    stub.add_response("stop_query", {"success": True}, {"queryId": "q1"})

    query_id = service.start(LAST_WEEK)
    answer = service.answer(query_id)
    service.stop(query_id)

    assert (answer.status, answer.over) == ("Running", False)
    assert (answer.matched, answer.scanned, answer.scanned_bytes) == (1, 90, 61_000)
    (record,) = answer.records
    assert (record.event_id, record.message_type, record.time_ms) == ("CmEKJgo", "ExecutionFailed", 1726151215307)


@pytest.mark.parametrize(
    ("status", "over"),
    [("Scheduled", False), ("Running", False)]
    + [(status, True) for status in ("Complete", "Failed", "Cancelled", "Timeout", "Unknown")],
)
def test_a_query_is_over_when_nothing_more_will_come(status: str, over: bool) -> None:
    assert answered({"status": status, "results": []}).over is over


def test_the_estimate_asks_for_the_group_once(insights: tuple[LogInsights, Stubber]) -> None:
    service, stub = insights
    group = {"logGroupName": GROUP, "storedBytes": 3_000_000_000, "creationTime": 0, "retentionInDays": 30}
    other = {"logGroupName": f"{GROUP}-other", "storedBytes": 7}
    stub.add_response("describe_log_groups", {"logGroups": [other, group]}, {"logGroupNamePrefix": GROUP})

    assert service.estimate(0, NOW_MS).stored_bytes == 3_000_000_000
    assert service.estimate(0, NOW_MS).stored_bytes == 3_000_000_000


def test_a_group_that_does_not_exist_is_said_to_be_missing(insights: tuple[LogInsights, Stubber]) -> None:
    service, stub = insights
    stub.add_response("describe_log_groups", {"logGroups": []}, {"logGroupNamePrefix": GROUP})

    with pytest.raises(NotFound, match=GROUP):
        service.estimate(0, NOW_MS)


@pytest.mark.parametrize(
    ("code", "kind"), [("LimitExceededException", Throttled), ("MalformedQueryException", ServiceFailed)]
)
def test_a_refusal_says_what_was_tried(insights: tuple[LogInsights, Stubber], code: str, kind: type[Exception]) -> None:
    service, stub = insights
    stub.add_client_error("start_query", code, "no")

    with pytest.raises(kind, match="Starting a Logs Insights query"):
        service.start(LAST_WEEK)


@pytest.mark.parametrize(
    ("created_days_ago", "retention", "window_days", "share"),
    [(30, None, 30, 1.0), (30, None, 3, 0.1), (30, 10, 1, 0.1), (2, None, 7, 1.0), (30, 10, 30, 1.0)],
)
def test_the_estimate_is_the_windows_share_of_what_is_stored(
    created_days_ago: int, retention: int | None, window_days: int, share: float
) -> None:
    found = estimated(
        1_000_000, NOW_MS - created_days_ago * DAY_MS, retention, NOW_MS - window_days * DAY_MS, NOW_MS, NOW_MS
    )

    assert found == Estimate(1_000_000, round(1_000_000 * share))


def test_a_gigabyte_costs_half_a_cent() -> None:
    assert Estimate(0, 1_000_000_000).usd == price(1_000_000_000) == 0.005


def test_the_query_has_what_is_of_records_and_leaves_out_what_is_of_executions() -> None:
    query = LogQuery(
        since_ms=0,
        pipe="weather-stats-demo-cache-put-pipe",
        outcome=Outcome.FAILED,
        level="ERROR",
        message_type="TargetInvocationFailed",
        location="São Paulo/Centro",
        text="status 500 | (a.b)",
        signature="HTTP 500",
    )

    assert query_text(query).splitlines() == [
        "fields @timestamp, @message, @ptr",
        '| filter @message like /:pipe\\/weather-stats-demo-cache-put-pipe"/',
        '| filter @message like /"logLevel":\\s*"ERROR"/',
        '| filter @message like /"messageType":\\s*"(TargetInvocationFailed|TARGET_INVOCATION_FAILED)"/',
        "| filter @message like /São Paulo\\/Centro/",
        "| filter @message like /(?i)status 500 \\| \\(a\\.b\\)/",
        "| sort @timestamp desc",
        f"| limit {MOST_RECORDS}",
    ]


@pytest.mark.parametrize("text", ["a/b", "a|b", "[x]", "1.5", "back\\slash", "^$*+?(){}"])
def test_what_is_searched_for_is_found_as_it_is_written(text: str) -> None:
    line = next(line for line in query_text(LogQuery(text=text)).splitlines() if "(?i)" in line)
    pattern = line.removeprefix("| filter @message like /").removesuffix("/").replace("\\/", "/")

    assert re.search(pattern, f"before {text} after")
    assert not re.search(pattern, "something else")
