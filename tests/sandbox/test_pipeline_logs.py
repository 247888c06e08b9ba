"""The tail of the pipes' log group, over the real wire: what it finds, pages through, and keeps."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from provision import names
from sandbox.state import SandboxState
from services import log_tail
from services.aws import Aws
from services.errors import NotFound
from services.log_tail import LogTail
from services.pipe_logs import Execution, Outcome
from services.pipeline import Pipeline
from tests.conftest import AwsClients, wait_until
from tests.sandbox.running_pipeline import (
    a_location,
    a_record,
    aws_access,
    delete_and_follow,
    put_and_follow,
    running_pipeline,
)

Put = Callable[..., None]


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


def executions_of(pipeline: Pipeline, location: str, number: int) -> list[Execution]:
    """The executions for a location, once there are so many and all are over."""

    def over() -> list[Execution] | None:
        pipeline.log.forget()
        found = [execution for execution in pipeline.log.get().value.executions if execution.location == location]
        ended = [execution for execution in found if execution.outcome is not Outcome.RUNNING]
        return ended if len(ended) == number else None

    found: list[Execution] = wait_until(over, what=f"{number} executions for {location}")
    return found


def test_each_pipe_tells_of_its_execution_with_location_and_event(pipeline: Pipeline) -> None:
    location = a_location("Zürich")

    put_and_follow(pipeline, a_record(location))
    delete_and_follow(pipeline, location)

    found = executions_of(pipeline, location, 4)
    assert {(execution.pipe, execution.event_name) for execution in found} == {
        (names.pipe(names.CACHE_PUT), "INSERT"),
        (names.pipe(names.TOPIC_PUBLISH), "INSERT"),
        (names.pipe(names.TOPIC_PUBLISH), "REMOVE"),
        (names.pipe(names.CACHE_DELETE), "REMOVE"),
    }
    assert {execution.outcome for execution in found} == {Outcome.SUCCEEDED}
    assert all(0 <= execution.duration_ms < 60_000 and not execution.error for execution in found)


@pytest.fixture
def own_group(
    sandbox_stack: SandboxState, aws: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LogTail, Put]]:
    """A tail of a log group that nobody else writes to, and a way to write lines into it."""
    group, logs = f"logs-{uuid.uuid4().hex}", aws.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    monkeypatch.setattr(names, "log_group", lambda region: group)
    clients = Aws(aws_access(sandbox_stack))

    def put(*events: tuple[int, str]) -> None:
        lines = [{"timestamp": at_ms, "message": message} for at_ms, message in events]
        logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=lines)

    yield LogTail(clients), put
    clients.close()
    logs.delete_log_group(logGroupName=group)


def lines(tail: LogTail) -> list[str]:
    return [record.raw for record in tail.refresh().records]


def now_ms() -> int:
    return int(time.time() * 1000)


def test_a_group_larger_than_a_page_is_read_whole(own_group: tuple[LogTail, Put]) -> None:
    tail, put = own_group
    start = now_ms() - 10_000
    # A page ends at about 1 MB; several lines to a millisecond, so that pages end within one.
    written = [(start + number // 3, f"line {number} " + "x" * 100_000) for number in range(30)]
    for first in range(0, 30, 5):
        put(*written[first : first + 5])

    assert lines(tail) == [line for _, line in written]
    assert lines(tail) == [line for _, line in written], "a second look finds nothing twice"


def test_a_line_that_was_written_late_is_still_found(own_group: tuple[LogTail, Put]) -> None:
    tail, put = own_group
    moment = now_ms()
    put((moment, "first"))
    assert lines(tail) == ["first"]
    put((moment - log_tail.OVERLAP_MS + 500, "late"))

    assert sorted(lines(tail)) == ["first", "late"]


def test_a_line_that_was_written_very_late_is_found_by_the_next_deep_look(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    moment = now_ms()
    put((moment, "first"))
    lines(tail)
    put((moment - 60_000, "late"))
    assert lines(tail) == ["first"]

    monkeypatch.setattr(log_tail, "DEEP_EVERY_MS", 0)

    assert sorted(lines(tail)) == ["first", "late"]


def test_executions_outlive_the_records_that_told_of_them(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    moment = now_ms()

    def told(execution: str, message_type: str, at_ms: int) -> tuple[int, str]:
        return at_ms, json.dumps({"timestamp": at_ms, "executionId": execution, "messageType": message_type})

    put(told("failed", "ExecutionFailed", moment - 3000))
    tail.refresh()
    put(*[told(f"good {number}", "ExecutionSucceeded", moment - 2000) for number in range(log_tail.CAPACITY)])
    view = tail.refresh()

    assert len(view.records) == log_tail.CAPACITY
    assert "failed" not in {record.execution_id for record in view.records}
    assert [one.outcome for one in view.executions if one.execution_id == "failed"] == [Outcome.FAILED]
    assert len(view.executions) == log_tail.CAPACITY + 1


def test_a_record_that_claims_to_be_of_the_future_does_not_blind_the_tail(own_group: tuple[LogTail, Put]) -> None:
    tail, put = own_group
    put((now_ms(), json.dumps({"timestamp": 9_000_000_000_000, "executionId": "e", "messageType": "ExecutionFailed"})))
    tail.refresh()
    put((now_ms(), "after it"))

    assert "after it" in lines(tail)


def test_an_event_of_the_future_does_not_blind_the_tail(own_group: tuple[LogTail, Put]) -> None:
    """CloudWatch takes events of up to two hours ahead."""
    tail, put = own_group
    put((now_ms() + 60 * 60 * 1000, "ahead"))
    tail.refresh()
    put((now_ms(), "after it"))

    assert "after it" in lines(tail)


def test_more_records_than_it_can_keep_leave_the_newest_however_often_it_looks(
    sandbox_stack: SandboxState, own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, put = own_group
    monkeypatch.setattr(log_tail, "CAPACITY", 10)
    clients = Aws(aws_access(sandbox_stack))
    tail = LogTail(clients)
    start = now_ms() - 2_000
    put(*[(start + number, f"line {number}") for number in range(30)])
    newest = [f"line {number}" for number in range(20, 30)]
    assert lines(tail) == newest
    assert lines(tail) == newest
    put((start + 30, "line 30"))

    assert lines(tail) == [*newest[1:], "line 30"]
    assert lines(tail) == [*newest[1:], "line 30"]
    clients.close()


def test_what_is_older_than_the_first_look_is_left_alone(own_group: tuple[LogTail, Put]) -> None:
    tail, put = own_group
    put((now_ms() - log_tail.FIRST_LOOK_MS - 60_000, "old"), (now_ms(), "new"))

    assert lines(tail) == ["new"]


def test_a_group_that_does_not_exist_is_said_to_be_missing(
    sandbox_stack: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "log_group", lambda region: "no-such-group")
    clients = Aws(aws_access(sandbox_stack))

    with pytest.raises(NotFound, match="no-such-group") as caught:
        LogTail(clients).refresh()

    assert "provision up" in caught.value.advice
    clients.close()
