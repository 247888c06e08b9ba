"""Dead letters, log records, retries, settings and input validation: the pure parts of the Pipes runtime."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from typing import Any

import pytest

from sandbox.pipes.api.model import read_input
from sandbox.pipes.api.pipe import settings_of, updated_settings
from sandbox.pipes.assumptions import ASSUMPTIONS, as_text
from sandbox.pipes.delivery.dead_letters import message_body
from sandbox.pipes.log.counters import Counters, written_at_ms
from sandbox.pipes.log.execution_log import (
    MAXIMUM_RECORD_BYTES,
    ExecutionLog,
    LogStream,
    log_settings,
    serialize,
)
from sandbox.pipes.plan.batches import Batch
from sandbox.pipes.plan.errors import ValidationFailed
from sandbox.pipes.plan.retries import RetryPolicy, pauses
from sandbox.pipes.stream.bell import Bell
from sandbox.pipes.stream.events import event_of

RECORD: dict[str, Any] = {
    "eventID": "e1",
    "dynamodb": {"ApproximateCreationDateTime": 1709856000, "SequenceNumber": "000000017098560001230000000007"},
}


def batch_of(*records: dict[str, Any]) -> Batch:
    """A batch of these records."""
    return Batch("shardId-1", "shardId-1#0", records)


def test_a_dead_letter_has_the_shape_that_aws_writes() -> None:
    body = message_body("arn:pipe", "arn:stream", batch_of(RECORD), "RetryAttemptsExhausted", 1709856004.4567)
    assert body == (
        '{"context":{"partnerResourceArn":"arn:pipe","condition":"RetryAttemptsExhausted"},"version":"1.0",'
        '"timestamp":"2024-03-08T00:00:04.456Z","DDBStreamBatchInfo":{"shardId":"shardId-1",'
        '"startSequenceNumber":"000000017098560001230000000007","endSequenceNumber":"000000017098560001230000000007",'
        '"approximateArrivalOfFirstRecord":"2024-03-08T00:00:00Z","approximateArrivalOfLastRecord":"2024-03-08T00:00:00Z",'
        '"batchSize":1,"streamArn":"arn:stream"}}'
    )


def test_the_lag_uses_milliseconds_only_where_the_sequence_number_agrees_with_the_creation_time() -> None:
    assert written_at_ms(RECORD) == 1709856000123.0
    other = {"dynamodb": {"ApproximateCreationDateTime": 1709856000, "SequenceNumber": "100000000000000000042"}}
    assert written_at_ms(other) == 1709856000000.0


def test_the_identity_of_a_ttl_delete_is_spelled_as_pipes_does() -> None:
    record = {**RECORD, "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}}
    event = event_of(record, "arn:stream")
    assert event["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert event["eventSourceARN"] == "arn:stream"


@pytest.mark.parametrize(
    ("maximum", "failed", "again"), [(0, 1, False), (2, 2, True), (2, 3, False), (-1, 10_000, True)]
)
def test_retries_are_what_comes_after_the_first_attempt(maximum: int, failed: int, again: bool) -> None:
    assert RetryPolicy(maximum, -1).allows_another(failed) is again


@pytest.mark.parametrize(
    ("limit", "age", "old"), [(60, 61, True), (60, 59, False), (-1, 90_000, True), (-1, 3600, False)]
)
def test_a_record_is_too_old_after_its_age_or_after_the_retention_of_the_stream(
    limit: int, age: int, old: bool
) -> None:
    assert RetryPolicy(0, limit).is_too_old(1000.0, 1000.0 + age) is old


def test_pauses_double_up_to_two_seconds() -> None:
    assert list(islice(pauses(), 8)) == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def written(level: str, *, data: bool, message_type: str) -> list[dict[str, Any]]:
    """The records that a pipe with these settings writes for one step."""
    lines: list[str] = []
    configuration = {
        "Level": level,
        "IncludeExecutionData": ["ALL"] if data else [],
        "CloudwatchLogsLogDestination": {"LogGroupArn": "arn:aws:logs:us-west-2:123456789012:log-group:g:*"},
    }
    log = ExecutionLog(log_settings("arn:pipe", "p", configuration), lambda *line: lines.append(line[2]))
    log.start().fail(message_type, {"message": "m"}, payload="[]")
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("OFF", set()),
        ("ERROR", {"ExecutionFailed"}),
        ("INFO", {"ExecutionFailed", "ExecutionStarted"}),
        ("TRACE", {"ExecutionFailed", "ExecutionStarted", "TargetInvocationSucceeded"}),
    ],
)
def test_levels_are_cumulative(level: str, expected: set[str]) -> None:
    types = ("ExecutionFailed", "ExecutionStarted", "TargetInvocationSucceeded")
    assert {name for name in types if written(level, data=True, message_type=name)} == expected


def test_a_log_record_has_the_fields_of_aws_in_their_order_and_its_own_level() -> None:
    (record,) = written("TRACE", data=True, message_type="TargetInvocationSucceeded")
    assert list(record) == [
        "resourceArn", "timestamp", "executionId", "messageType", "logLevel", "payload", "error",
    ]  # fmt: skip
    assert record["logLevel"] == "TRACE"
    assert isinstance(record["timestamp"], int)


def test_without_execution_data_a_record_carries_none() -> None:
    (record,) = written("INFO", data=False, message_type="ExecutionStarted")
    assert "payload" not in record


def test_a_log_stream_is_named_by_pipe_and_day() -> None:
    assert LogStream("g", "us-west-2", "pipes/p").name(1709856000123) == "pipes/p/2024-03-08"


def test_a_record_that_is_too_long_is_cut_payload_first() -> None:
    record = {"messageType": "X", "payload": "é" * 200_000, "awsRequest": "r" * 200_000, "awsResponse": "short"}
    line = serialize(record)
    cut = json.loads(line)
    assert MAXIMUM_RECORD_BYTES - 64 < len(line.encode()) <= MAXIMUM_RECORD_BYTES
    assert cut["truncatedFields"] == ["payload"]
    assert cut["awsRequest"] == record["awsRequest"]
    assert 0 < len(cut["payload"]) < 60_000


def test_a_field_that_has_to_go_goes_completely_before_the_next_is_cut() -> None:
    record = {"payload": "p" * 1000, "awsRequest": "r" * 300_000, "awsResponse": "s" * 1000}
    cut = json.loads(serialize(record))
    assert cut["truncatedFields"] == ["payload", "awsRequest"]
    assert cut["payload"] == ""
    assert cut["awsResponse"] == record["awsResponse"]


def create_input(**changes: Any) -> dict[str, Any]:
    """A CreatePipe body."""
    return {
        "Source": "arn:aws:dynamodb:us-west-2:123456789012:table/T/stream/L",
        "Target": "arn:aws:events:us-west-2:123456789012:api-destination/d/u",
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "SourceParameters": {"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}},
        **changes,
    }


def read(name: str = "p", **changes: Any) -> dict[str, Any]:
    """The validated input of a CreatePipe call."""
    return read_input("CreatePipe", {"Name": name}, b"", json.dumps(create_input(**changes)).encode())


def test_a_good_input_keeps_every_parameter_and_loses_what_the_model_does_not_know() -> None:
    assert read(Bogus=1) == {"Name": "p", **create_input()}


def stream(**parameters: Any) -> dict[str, Any]:
    """Source parameters of a stream."""
    return {"DynamoDBStreamParameters": {"StartingPosition": "LATEST", **parameters}}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("p p", {}, '[ECMA 262 regex "[\\.\\-_A-Za-z0-9]+" does not match input string "p p"]'),
        ("p" * 65, {}, "is too long (length: 65, maximum allowed: 64)]"),
        ("p", {"Source": None}, '[object has missing required properties (["Source"])]'),
        ("p", {"DesiredState": "ON"}, 'value ("ON") not found in enum (possible values: ["RUNNING","STOPPED"])]'),
        (
            "p",
            {"SourceParameters": stream(BatchSize=0)},
            # Word for word what the real service was seen to answer.
            "[numeric instance is lower than the required minimum (minimum: 1, found: 0)]",
        ),
        (
            "p",
            {"SourceParameters": stream(BatchSize="1")},
            '[instance type (string) does not match any allowed primitive type (allowed: ["integer"])]',
        ),
        ("p", {"SourceParameters": stream(MaximumRetryAttempts=-2)}, "(minimum: -1, found: -2)]"),
        ("p", {"SourceParameters": stream(StartingPosition="AT_TIMESTAMP")}, '["TRIM_HORIZON","LATEST"]'),
        ("p", {"SourceParameters": {"DynamoDBStreamParameters": {}}}, 'properties (["StartingPosition"])]'),
        ("p", {"Tags": {}}, "[object has too few properties (found 0 but schema requires at least 1)]"),
        ("p", {"TargetParameters": {"InputTemplate": "x" * 8193}}, "***Sensitive Data Redacted***"),
        ("p", {"RoleArn": "role", "DesiredState": "ON"}, '"STOPPED"]), ECMA 262 regex "arn:'),
    ],
)  # fmt: skip
def test_an_input_outside_the_model_is_refused(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read(name, **changes)
    assert words in refused.value.body["message"]
    assert refused.value.body["fieldList"]


def test_a_body_that_is_no_json_object_is_refused() -> None:
    for body in (b"{", b"[1]", b"\xff"):
        with pytest.raises(ValidationFailed):
            read_input("CreatePipe", {"Name": "p"}, b"", body)


def test_an_update_replaces_what_it_names_as_a_whole_and_keeps_the_rest() -> None:
    created = create_input(
        Description="old",
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}, **stream(MaximumRetryAttempts=3)},
        TargetParameters={"InputTemplate": "t", "HttpParameters": {"PathParameterValues": ["a"]}},
    )
    settings = settings_of(created)
    changed = updated_settings(
        settings,
        {
            "RoleArn": "arn:aws:iam::123456789012:role/other",
            "SourceParameters": {"DynamoDBStreamParameters": {"BatchSize": 1}},
            "TargetParameters": {"InputTemplate": ""},
        },
    )
    assert changed["Description"] == "old"
    assert changed["RoleArn"].endswith("/other")
    assert changed["SourceParameters"] == {
        "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
        "DynamoDBStreamParameters": {"BatchSize": 1, "StartingPosition": "LATEST"},
    }
    assert changed["TargetParameters"] == {"HttpParameters": {"PathParameterValues": ["a"]}}


def test_holding_shows_the_oldest_hold_until_it_is_released() -> None:
    counters = Counters()
    counters.hold("a", "first")
    since = counters.as_dict()["holding_since"]
    counters.hold("a", "first, again")
    assert counters.as_dict()["holding_since"] == since
    assert counters.as_dict()["holding_reason"] == "first, again"
    counters.release("a")
    assert counters.as_dict()["holding_since"] is None


async def test_a_bell_that_rang_before_the_wait_is_not_missed() -> None:
    bell = Bell()
    seen = bell.rings
    bell.ring()
    async with asyncio.timeout(5):
        await bell.wait(seen, 60)


async def test_a_bell_wakes_everyone_who_waits() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.wait(bell.rings, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


def test_every_assumption_says_what_why_and_where_from() -> None:
    assert len({each.topic for each in ASSUMPTIONS}) == len(ASSUMPTIONS)
    for each in ASSUMPTIONS:
        assert all((each.topic, each.what_we_do, each.why, each.source))
        assert each.topic in as_text()
