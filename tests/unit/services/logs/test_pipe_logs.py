"""Log records as real pipes write them, as the documentation spells them, and as anybody might write into the group."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logs.executions import Execution, LogRecord, Outcome, PipeTally, executions, parse, tally

#: Real, but for the stars of its poster (facts/aws-pipes.md, section 1.2).
REAL_FAILURE = {
    "resourceArn": "arn:aws:pipes:eu-central-1:123456789012:pipe/some-pipe",
    "timestamp": 1726151215307,
    "executionId": "11111111-2222-3333-4444-555555555555",
    "messageType": "ExecutionFailed",
    "logLevel": "ERROR",
    "error": {
        "message": "Target invocation failed with error from States. Not allowed to invoke arn:aws:states:*.",
        "httpStatusCode": 400,
        "awsService": "states",
        "requestId": "66666666-2222-3333-4444-555555555555",
        "exceptionType": "AccessDenied",
        "resourceArn": "arn:aws:states:eu-central-1:*:stateMachine:*",
    },
}
#: What AWS writes once into a group that it delivers to; no JSON (facts, section 1.4).
VALIDATION_LINE = (
    "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription."
)
CHANGE = {"eventName": "INSERT", "dynamodb": {"Keys": {"Location": {"S": "Oslo"}}, "SequenceNumber": "1"}}


def record(kind: str, at_ms: int = 0, execution: str = "e1", pipe: str = "p", **more: Any) -> LogRecord:
    content = {
        "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe}",
        "timestamp": at_ms,
        "executionId": execution,
        "messageType": kind,
        "logLevel": "INFO",
        **more,
    }
    return parse(f"{execution}-{kind}-{at_ms}", at_ms, json.dumps(content))


def started(at_ms: int = 0, **more: Any) -> LogRecord:
    return record("ExecutionStarted", at_ms, **{"payload": json.dumps([CHANGE])} | more)


def failed(kind: str, at_ms: int, message: str = "HTTP 500", **more: Any) -> LogRecord:
    return record(kind, at_ms, error={"message": message, "httpStatusCode": 500}, **more)


def test_a_real_record_is_read() -> None:
    read = parse("id", 1, json.dumps(REAL_FAILURE))

    assert read.readable
    assert read.pipe == "some-pipe"
    assert read.time_ms == 1726151215307
    assert read.message_type == "ExecutionFailed"
    assert (read.level, read.status) == ("ERROR", 400)
    assert read.error.startswith("Target invocation failed with error from States.")


@pytest.mark.parametrize("spelling", ["EXECUTION_FAILED", "Execution Failed", "ExecutionFailed"])
def test_every_spelling_of_a_message_type_is_the_same_type(spelling: str) -> None:
    assert parse("id", 1, json.dumps(REAL_FAILURE | {"messageType": spelling})).message_type == "ExecutionFailed"


def test_the_documented_record_with_null_fields_and_a_text_timestamp_is_read() -> None:
    documented = REAL_FAILURE | {"timestamp": "1726151215307", "truncatedFields": None, "error": None, "payload": None}

    read = parse("id", 1, json.dumps(documented))

    assert (read.time_ms, read.error, read.status, read.payload) == (1726151215307, "", None, "")
    assert read.readable


@pytest.mark.parametrize("line", [VALIDATION_LINE, "", "{", "null", "[]", "7", '"text"', "{}", "[" * 100_000])
def test_a_line_that_is_no_record_is_kept_as_it_came(line: str) -> None:
    read = parse("id", 17, line)

    assert not read.readable
    assert (read.raw, read.time_ms, read.event_id) == (line, 17, "id")


@pytest.mark.parametrize("time", ["Infinity", "-Infinity", "NaN", "1e999", '"soon"', "null", "[]", "{}", "1e300", "-5"])
def test_a_timestamp_that_is_no_moment_is_that_of_the_log_event(time: str) -> None:
    assert (
        parse("id", 17, f'{{"executionId": "e", "messageType": "ExecutionFailed", "timestamp": {time}}}').time_ms == 17
    )


def test_an_execution_is_told_from_its_records_in_any_order() -> None:
    records = [record("ExecutionSucceeded", 130), record("TargetStageEntered", 105), started(100)]

    (execution,) = executions(records)

    assert execution == Execution(
        "e1", "p", 100, 130, Outcome.SUCCEEDED, "Oslo", "INSERT", sequence_number="1", batch=1
    )
    assert execution.duration_ms == 30


def test_the_execution_that_started_last_comes_first() -> None:
    found = executions([started(1, execution="a"), started(3, execution="b"), started(2, execution="c")])

    assert [execution.execution_id for execution in found] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("kinds", "outcome"),
    [
        (["ExecutionStarted"], Outcome.RUNNING),
        (["ExecutionStarted", "TargetInvocationFailed"], Outcome.HOLDING),
        (
            ["ExecutionStarted", "TargetInvocationFailed", "TargetInvocationFailed", "ExecutionSucceeded"],
            Outcome.SUCCEEDED,
        ),
        (["ExecutionStarted", "TargetInvocationFailed", "TargetStageFailed", "ExecutionFailed"], Outcome.FAILED),
        (["ExecutionTimeout"], Outcome.FAILED),
        (["ExecutionPartiallyFailed"], Outcome.FAILED),
        (["EXECUTION_STARTED", "EXECUTION_SUCCEEDED"], Outcome.SUCCEEDED),
    ],
)
def test_how_an_execution_stands(kinds: list[str], outcome: Outcome) -> None:
    (execution,) = executions([record(kind, number) for number, kind in enumerate(kinds)])

    assert execution.outcome is outcome
    assert execution.attempts == kinds.count("TargetInvocationFailed")


def test_an_execution_tells_its_latest_error() -> None:
    (execution,) = executions(
        [failed("TargetInvocationFailed", 2, "later"), failed("TargetInvocationFailed", 1, "earlier")]
    )

    assert execution.error == "later"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps([CHANGE])[:-20],
        "",
        "[]",
        "{}",
        "7",
        '"text"',
        "[null]",
        '[{"dynamodb": null}]',
        '[{"dynamodb": {"Keys": {"Id": {"S": "x"}}}}]',
        "[" * 100_000,
    ],
)
def test_a_payload_that_was_cut_or_is_foreign_leaves_the_location_empty(payload: str) -> None:
    (execution,) = executions([started(payload=payload, truncatedFields=["payload"])])

    assert (execution.location, execution.event_name) == ("", "")


def test_lone_surrogates_do_not_get_to_a_screen_that_cannot_take_them() -> None:
    change = {"eventName": "\ud800", "dynamodb": {"Keys": {"Location": {"S": "Os\udfffo"}}}}
    (execution,) = executions([started(payload=json.dumps([change])), failed("ExecutionFailed", 1, "bad \ud800")])

    for text in (execution.location, execution.event_name, execution.error):
        assert text.encode("utf-8").decode("utf-8") == text


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
hostile = st.fixed_dictionaries(
    {},
    optional={
        name: values | st.sampled_from(["ExecutionStarted", "e1"])
        for name in ("resourceArn", "timestamp", "executionId", "messageType", "logLevel", "payload", "error")
    },
)


@given(st.lists(hostile.map(json.dumps) | st.text(), max_size=5))
def test_no_line_whatever_raises(lines: list[str]) -> None:
    found = executions(parse(str(number), number, line) for number, line in enumerate(lines))

    assert tally(found, 0).keys() <= {execution.pipe for execution in found}
    json.dumps([line.message_type for line in [parse("id", 0, line) for line in lines]]).encode("utf-8")


@given(values)
def test_no_payload_whatever_raises(payload: Any) -> None:
    (execution,) = executions([started(payload=json.dumps(payload))])

    assert isinstance(execution.location, str)


def test_a_tally_counts_what_went_on_since_a_moment_for_each_pipe() -> None:
    records = [
        *(started(1, execution="old"), record("ExecutionSucceeded", 5, "old")),
        *(started(4, execution="good"), record("ExecutionSucceeded", 20, "good")),
        *(started(11, execution="bad"), failed("ExecutionFailed", 12, "HTTP 500", execution="bad")),
        *(started(13, execution="held"), failed("TargetInvocationFailed", 30, "refused", execution="held")),
        *(started(14, execution="other", pipe="q"),),
    ]

    found = tally(executions(records), since_ms=10)

    assert found["p"] == PipeTally(1, 1, 1, last_success_ms=20, last_failure_ms=12, last_error="refused")
    assert found["q"] == PipeTally()
