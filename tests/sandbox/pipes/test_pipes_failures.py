"""What happens when the endpoint, the queue, the log group or the stream fails: nothing is lost, and it is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from sandbox.pipes.target import api_destination
from tests.support.running_pipes import ACCOUNT, REGION, SECRET, Stage, stage, until

TEMPLATE = '{"Location": <$.dynamodb.Keys.Location.S>, "MaxTemp": <$.dynamodb.NewImage.MaxTemp.N>}'


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


def answering(status: int, body: str = "") -> Any:
    """An endpoint's answer to everything."""
    return lambda call: web.Response(status=status, text=body)


async def test_a_refused_record_becomes_a_dead_letter_that_points_to_it(at: Stage) -> None:
    at.endpoint.answer = answering(500, "broken")
    await at.create_pipe()

    await at.put("Oslo", MaxTemp=1)

    status = await at.settled(1)
    assert (status["dead_lettered"], status["failed_attempts"], status["delivered"]) == (1, 1, 0)
    (record,) = await at.stream_records()
    (letter,) = await at.dead_letters()
    info = letter["DDBStreamBatchInfo"]
    assert list(letter) == ["context", "version", "timestamp", "DDBStreamBatchInfo"]
    assert letter["context"] == {
        "partnerResourceArn": f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/pipe-{at.id}",
        "condition": "RetryAttemptsExhausted",
    }
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == record["dynamodb"]["SequenceNumber"]
    assert (info["batchSize"], info["streamArn"]) == (1, at.stream_arn)


async def test_a_failure_is_logged_with_request_and_answer_and_without_the_key(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(
        status=401,
        text=f"no such key: {call.headers['Authorization']}",
        headers={"X-Echo": call.headers["Authorization"]},
    )
    await at.create_pipe(template=TEMPLATE)

    await at.put("Oslo", MaxTemp=1)

    records = await at.log_records("ExecutionFailed")
    assert [record["messageType"] for record in records] == [
        "ExecutionStarted",
        "TargetStageEntered",
        "TargetInvocationFailed",
        "TargetStageFailed",
        "ExecutionFailed",
    ]
    failed = records[2]
    assert json.loads(records[0]["payload"])[0]["eventName"] == "INSERT"
    assert failed["error"]["httpStatusCode"] == 401
    assert json.loads(failed["awsRequest"])["body"] == '{"Location": "Oslo", "MaxTemp": "1"}'
    assert json.loads(failed["awsResponse"])["body"] == "no such key: ***"
    assert SECRET not in json.dumps(records)
    assert "Authorization" not in json.dumps(records)


async def test_while_the_endpoint_refuses_connections_the_pipe_holds_and_then_delivers_all(at: Stage) -> None:
    await at.create_pipe()
    await at.endpoint.down()

    for number in range(20):
        await at.put(f"City {number}", MaxTemp=number)
    await until(lambda: at.status()["internal_errors"] >= 2, "two refused connections")

    holding = at.status()
    assert holding["holding_since"]
    assert "cannot be reached" in holding["holding_reason"]
    await at.endpoint.up()
    status = await at.settled(20)
    assert [int(body["dynamodb"]["NewImage"]["MaxTemp"]["N"]) for body in at.endpoint.bodies()] == list(range(20))
    assert (status["delivered"], status["dead_lettered"], status["failed_attempts"]) == (20, 0, 0)
    assert status["holding_since"] is None
    records = await at.log_records("TargetInvocationFailed")
    assert not [record for record in records if record["messageType"] == "ExecutionFailed"]


@asynccontextmanager
async def answering_raw(port: int, answer: bytes) -> AsyncIterator[None]:
    """A server that reads a request, writes `answer` and closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    yield
    server.close()
    await server.wait_closed()


async def test_a_connection_that_ends_before_the_answer_is_tried_again_without_being_counted(at: Stage) -> None:
    await at.create_pipe()
    await at.endpoint.down()
    async with answering_raw(at.endpoint.port, b""):
        await at.put("Oslo", MaxTemp=1)
        await until(lambda: at.status()["internal_errors"] >= 2, "two broken connections")
    await at.endpoint.up()

    status = await at.settled(1)
    assert (status["delivered"], status["failed_attempts"], status["dead_lettered"]) == (1, 0, 0)


async def test_once_there_is_a_status_a_body_that_breaks_off_changes_nothing(at: Stage) -> None:
    await at.create_pipe()
    await at.endpoint.down()
    async with answering_raw(at.endpoint.port, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"):
        await at.put("Oslo", MaxTemp=1)
        assert (await at.settled(1))["delivered"] == 1


async def test_an_answer_that_is_not_http_is_a_failed_attempt(at: Stage) -> None:
    await at.create_pipe()
    await at.endpoint.down()
    async with answering_raw(at.endpoint.port, b"nonsense\r\n\r\n"):
        await at.put("Oslo", MaxTemp=1)
        assert (await at.settled(1))["dead_lettered"] == 1


async def test_a_pipe_that_holds_can_be_stopped_and_loses_nothing(at: Stage) -> None:
    name = await at.create_pipe()
    await at.endpoint.down()
    await at.put("Oslo", MaxTemp=1)
    await until(lambda: at.status()["holding_since"], "the pipe to hold")

    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    assert at.status()["in_flight"] == 0
    await at.endpoint.up()
    await at.pipes("start_pipe", Name=name)

    await at.settled(1)
    assert len(at.endpoint.calls) == 1


@pytest.mark.parametrize(
    ("retries", "status", "attempts"), [(0, 500, 1), (2, 500, 3), (2, 429, 3), (2, 400, 1), (2, 302, 1)]
)
async def test_a_record_is_tried_as_often_as_allowed(at: Stage, retries: int, status: int, attempts: int) -> None:
    at.endpoint.answer = lambda call: web.Response(status=status, headers={"Location": "/elsewhere"})
    await at.create_pipe(MaximumRetryAttempts=retries)

    await at.put("Oslo", MaxTemp=1)

    await at.settled(1)
    assert len(at.endpoint.calls) == attempts
    assert len(await at.dead_letters()) == 1
    await asyncio.sleep(0.05)
    failed = [r for r in await at.log_records("ExecutionFailed") if r["messageType"] == "ExecutionFailed"]
    assert len({record["executionId"] for record in failed}) == attempts


async def test_a_record_that_fails_blocks_the_ones_behind_it_until_it_succeeds(at: Stage) -> None:
    answers = iter([500, 500, 500])
    at.endpoint.answer = lambda call: web.Response(status=next(answers, 204))
    await at.create_pipe(MaximumRetryAttempts=-1)

    await at.put("first", MaxTemp=1)
    await at.put("second", MaxTemp=2)

    status = await at.settled(2)
    order = [body["dynamodb"]["Keys"]["Location"]["S"] for body in at.endpoint.bodies()]
    assert order == ["first"] * 4 + ["second"]
    assert (status["delivered"], status["failed_attempts"]) == (2, 3)


async def test_an_endpoint_that_is_too_slow_is_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_destination, "INVOCATION_TIMEOUT_S", 0.2)
    async with stage() as at:
        at.endpoint.delay_s = 1
        await at.create_pipe()

        await at.put("Oslo", MaxTemp=1)

        assert (await at.settled(1))["dead_lettered"] == 1
        records = await at.log_records("ExecutionFailed")
    (failed,) = [record for record in records if record["messageType"] == "TargetInvocationFailed"]
    assert "Timeout calling endpoint" in failed["error"]["message"]
    assert "httpStatusCode" not in failed["error"]


async def test_a_record_that_grows_too_old_becomes_a_dead_letter(at: Stage) -> None:
    await at.create_pipe(MaximumRecordAgeInSeconds=1)
    await at.endpoint.down()

    await at.put("Oslo", MaxTemp=1)

    assert (await at.settled(1))["dead_lettered"] == 1
    (letter,) = await at.dead_letters()
    assert letter["context"]["condition"] == "RecordAgeExceeded"


async def test_a_queue_that_does_not_accept_the_dead_letter_gets_it_when_it_does(at: Stage) -> None:
    at.endpoint.answer = answering(500)
    await at.create_pipe()
    await at.delete_queue()

    await at.put("Oslo", MaxTemp=1)
    await until(lambda: "dead-letter queue" in at.status()["holding_reason"], "the pipe to hold")
    assert at.status()["dead_lettered"] == 0
    await at.create_queue()

    assert (await at.settled(1))["dead_lettered"] == 1
    assert len(await at.dead_letters()) == 1
    assert len(at.endpoint.calls) == 1


async def test_without_a_queue_a_refused_record_is_dropped_and_counted(at: Stage) -> None:
    at.endpoint.answer = answering(500)
    await at.create_pipe(DeadLetterConfig={})

    await at.put("Oslo", MaxTemp=1)

    assert (await at.settled(1))["dropped"] == 1


async def test_a_destination_that_was_deleted_sends_records_to_the_queue(at: Stage) -> None:
    await at.create_pipe()
    await at.call("events.DeleteApiDestination", Name=f"main-{at.id}")
    at.service.notify_events_change()

    await at.put("Oslo", MaxTemp=1)

    assert (await at.settled(1))["dead_lettered"] == 1
    failed = (await at.log_records("ExecutionFailed"))[-1]
    assert "does not exist" in failed["error"]["message"]


async def test_a_pipe_stopped_in_the_middle_of_a_page_does_not_send_its_beginning_again(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(status=503 if "key=second" in call.url else 204)
    await at.pipes("create_pipe", **{**at.settings(MaximumRetryAttempts=-1), "DesiredState": "STOPPED"})
    name = await at.await_state("STOPPED")
    for city in ("first", "second", "third"):
        await at.put(city, MaxTemp=1)
    await at.pipes("start_pipe", Name=name)
    await until(lambda: at.status()["holding_since"], "the pipe to hold")

    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    at.endpoint.answer = answering(204)
    await at.pipes("start_pipe", Name=name)

    assert (await at.settled(3))["delivered"] == 3
    cities = [json.loads(call.body)["dynamodb"]["Keys"]["Location"]["S"] for call in at.endpoint.calls]
    assert (cities.count("first"), cities.count("third")) == (1, 1)


async def test_a_log_group_that_was_made_anew_is_written_to_again(at: Stage) -> None:
    await at.create_pipe()
    await at.put("one", MaxTemp=1)
    await at.log_records("ExecutionSucceeded")

    await at.call("logs.DeleteLogGroup", logGroupName=at.group)
    await at.call("logs.CreateLogGroup", logGroupName=at.group)
    await at.put("two", MaxTemp=2)

    records = await at.log_records("ExecutionSucceeded")
    assert '"two"' in records[0]["payload"]


async def test_a_log_group_that_is_missing_stops_nothing(at: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await at.call("logs.DeleteLogGroup", logGroupName=at.group)
    await at.create_pipe()

    for number in range(3):
        await at.put(f"City {number}", MaxTemp=number)
        await at.settled(number + 1)
        await asyncio.sleep(0.03)

    assert len([line for line in caplog.messages if "execution logs cannot be written" in line]) == 1


async def test_a_disabled_stream_is_read_to_its_end_and_then_named_as_the_reason(at: Stage) -> None:
    await at.create_pipe()
    await at.put("last", MaxTemp=1)
    await at.call("dynamodb.UpdateTable", TableName=at.table, StreamSpecification={"StreamEnabled": False})

    await at.settled(1)
    await until(lambda: "no open shard" in at.status()["holding_reason"], "the pipe to say why it stands still")
