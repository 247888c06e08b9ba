"""Counting calls to AWS."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from core.api_calls import ApiCalls, CallCount, lately


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that the counts look at."""
    now = [1000.0]
    monkeypatch.setattr("core.api_calls.time.monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_calls_are_counted_by_operation_the_busiest_first(clock: Callable[[float], None]) -> None:
    calls = ApiCalls()
    calls.note("sqs", "GetQueueAttributes")
    for _ in range(3):
        calls.note("pipes", "DescribePipe")

    assert calls.counts() == (
        CallCount("pipes", "DescribePipe", 3, 3),
        CallCount("sqs", "GetQueueAttributes", 1, 1),
    )
    assert lately(calls.counts()) == 4


def test_what_is_older_than_a_minute_counts_in_the_total_only(clock: Callable[[float], None]) -> None:
    calls = ApiCalls()
    calls.note("sqs", "GetQueueAttributes")
    clock(30)
    calls.note("sqs", "GetQueueAttributes")
    clock(30)

    assert calls.counts() == (CallCount("sqs", "GetQueueAttributes", 1, 2),)
    clock(600)
    assert calls.counts() == (CallCount("sqs", "GetQueueAttributes", 0, 2),)


def test_every_attempt_of_a_client_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")
    calls = ApiCalls()
    calls.watch(session.events)
    client = session.client("sqs", config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
    answer = AWSResponse("http://sqs", 500, {}, None)  # type: ignore[no-untyped-call]
    answer._content = b"{}"
    # An answer from a handler keeps the request from leaving the machine.
    client.meta.events.register_last("before-send.sqs.ListQueues", lambda **_: answer)

    with pytest.raises(client.exceptions.ClientError):
        client.list_queues()

    assert calls.counts() == (CallCount("sqs", "ListQueues", 2, 2),)
