"""The tail of the pipes' log group, over the real wire: what it finds, pages through, and keeps."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.aws import Aws
from core.errors import NotFound, Throttled
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.logs import store
from services.logs import tail as log_tail
from services.logs.executions import Execution, Outcome
from services.logs.tail import LogTail
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
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

    tail = LogTail(clients)
    yield tail, put
    tail.close()
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

    assert sorted(lines(tail)) == sorted(line for _, line in written)
    assert len(lines(tail)) == 30, "a second look finds nothing twice"
    assert [record.time_ms for record in tail.refresh().records] == [at_ms for at_ms, _ in written]


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


def told(execution: str, message_type: str, at_ms: int) -> tuple[int, str]:
    """One record of an execution, as a pipe writes it."""
    content = {
        "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{names.PIPES[0]}",
        "timestamp": at_ms,
        "executionId": execution,
        "messageType": message_type,
        "logLevel": "ERROR" if message_type.endswith("Failed") else "INFO",
    }
    return at_ms, json.dumps(content)


def test_executions_outlive_the_records_that_told_of_them(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    monkeypatch.setattr(store, "CAPACITY", 50)
    moment = now_ms()
    put(told("failed", "ExecutionFailed", moment - 3000))
    tail.refresh()
    put(*[told(f"good {number}", "ExecutionSucceeded", moment - 2000 + number) for number in range(50)])
    view = tail.refresh()

    assert len(view.records) == 50
    assert "failed" not in {record.execution_id for record in view.records}
    assert [one.outcome for one in view.executions if one.execution_id == "failed"] == [Outcome.FAILED]
    assert len(view.executions) == 51
    assert view.state.full
    assert view.state.complete_from_ms >= moment - 3000


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
    monkeypatch.setattr(store, "CAPACITY", 10)
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


def test_what_is_older_than_the_window_is_left_alone_until_a_wider_one_is_asked_for(
    own_group: tuple[LogTail, Put],
) -> None:
    tail, put = own_group
    put((now_ms() - log_tail.WINDOW_MS - 60_000, "old"), (now_ms() - log_tail.FIRST_LOOK_MS - 60_000, "of the window"))
    put((now_ms(), "new"))

    wait_until(lambda: lines(tail) == ["of the window", "new"], what="the window")
    view = tail.refresh()
    assert not view.state.reading_back
    assert view.state.complete_from_ms == view.state.window_from_ms

    tail.ask_for(2 * log_tail.WINDOW_MS)
    wait_until(lambda: lines(tail) == ["old", "of the window", "new"], what="the wider window")


def test_the_newest_come_first_and_the_rest_is_read_backwards_by_later_refreshes(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    monkeypatch.setattr(log_tail, "NEW_S", 0.0)
    monkeypatch.setattr(log_tail, "BACK_S", 0.0)
    start = now_ms() - 20 * log_tail.MINUTE_MS
    written = [(start + number * 40_000, f"line {number} " + "x" * 250_000) for number in range(30)]
    for first in range(0, 30, 3):
        put(*written[first : first + 3])

    def refreshed() -> tuple[list[str], bool, int]:
        view = tail.refresh()
        return [record.raw for record in view.records], view.state.reading_back, view.state.complete_from_ms

    steps = [refreshed()]
    while steps[-1][1] and len(steps) < 40:
        steps.append(refreshed())
    assert len(steps) > 5
    for found, _, complete_from in steps:
        assert found == [line for _, line in written][30 - len(found) :], "always the newest, without a hole"
        assert set(found) >= {line for at_ms, line in written if at_ms > complete_from}
    assert len(steps[-1][0]) == 30


def test_nothing_is_read_again_but_the_overlap(own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch) -> None:
    tail, put = own_group
    put(*[(now_ms() - 60_000 + 10 * number, f"line {number}") for number in range(2000)])
    wait_until(lambda: not tail.refresh().state.reading_back, what="the whole window")
    monkeypatch.setattr(log_tail, "DEEP_EVERY_MS", 10**9)
    asked: list[int] = []
    page = tail._page

    def counted(span: Any) -> Any:
        answer = page(span)
        asked.append(len(answer["events"]))
        return answer

    monkeypatch.setattr(tail, "_page", counted)
    tail.refresh()

    assert len(asked) == 1
    assert asked[0] <= 1 + log_tail.OVERLAP_MS // 10


def test_after_nobody_looked_for_a_while_the_newest_come_first_and_the_gap_is_closed(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    now = now_ms()
    monkeypatch.setattr(log_tail.time, "time", lambda: (now - 600_000) / 1000)
    tail.refresh()
    monkeypatch.undo()
    monkeypatch.setattr(names, "log_group", lambda region: tail._group)
    put((now - 300_000, "meanwhile"), (now, "new"))

    wait_until(lambda: lines(tail) == ["meanwhile", "new"], what="both")
    assert not tail.refresh().state.reading_back


def test_each_new_record_of_an_execution_is_told_once(
    sandbox_stack: SandboxState, own_group: tuple[LogTail, Put]
) -> None:
    _, put = own_group
    seen: list[str] = []
    clients = Aws(aws_access(sandbox_stack))
    tail = LogTail(clients, lambda record: seen.append(f"{record.execution_id} {record.message_type}"))
    moment = now_ms()
    put(told("a", "ExecutionStarted", moment - 20), (moment - 10, "no record"), told("a", "ExecutionFailed", moment))
    tail.refresh()
    tail.refresh()

    assert seen == ["a ExecutionStarted", "a ExecutionFailed"]
    tail.close()
    clients.close()


def test_how_late_records_come_is_measured_and_the_horizon_allows_for_it(own_group: tuple[LogTail, Put]) -> None:
    tail, put = own_group
    assert tail.refresh().state.lateness_ms is None
    moment = now_ms()
    put(*[told(f"e{number}", "ExecutionSucceeded", moment - 2500 + number) for number in range(40)])

    state = tail.refresh().state

    assert state.lateness_ms is not None
    assert 2400 <= state.lateness_ms <= 2500 + (now_ms() - moment)
    assert state.horizon_ms <= now_ms() - state.lateness_ms


def test_when_cloudwatch_asks_for_fewer_calls_the_next_one_waits_and_what_is_known_stays(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail, put = own_group
    put((now_ms(), "known"))
    assert lines(tail) == ["known"]
    calls: list[int] = []

    def refused(span: Any) -> Any:
        calls.append(1)
        raise Throttled("Reading log group failed: ThrottlingException: Rate exceeded", "")

    page = tail._page
    monkeypatch.setattr(tail, "_page", refused)
    view = tail.refresh()
    assert [record.raw for record in view.records] == ["known"]
    assert view.state.pause_s == log_tail.PAUSE_S
    tail.refresh()
    assert len(calls) == 1, "no call during the pause"

    monkeypatch.setattr(tail, "_page", page)
    monkeypatch.setattr(tail, "_paused_until", 0.0)
    put((now_ms(), "after it"))
    assert lines(tail) == ["known", "after it"]
    assert tail.refresh().state.pause_s == 0.0


def test_a_group_that_does_not_exist_is_said_to_be_missing(
    sandbox_stack: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "log_group", lambda region: "no-such-group")
    clients = Aws(aws_access(sandbox_stack))

    with pytest.raises(NotFound, match="no-such-group") as caught:
        LogTail(clients).refresh()

    assert "provision up" in caught.value.advice
    clients.close()


def test_pages_without_events_are_followed_and_say_nothing_of_how_far_reading_got(
    own_group: tuple[LogTail, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on AWS, where a page may be empty and still have a token."""
    tail, put = own_group
    put((now_ms(), "new"))
    page, empty = tail._page, ["token 1", "token 2"]
    monkeypatch.setattr(log_tail, "NEW_S", 0.0)
    monkeypatch.setattr(log_tail, "BACK_S", 0.0)

    def with_empty_pages(span: Any) -> Any:
        if span.token in ("", "token 1") and empty:
            return {"events": [], "nextToken": empty.pop(0)}
        return page(replace(span, token=""))

    monkeypatch.setattr(tail, "_page", with_empty_pages)
    state = tail.refresh().state
    assert state.complete_from_ms <= now_ms()

    wait_until(lambda: lines(tail) == ["new"], what="the line behind the empty pages")
