"""Batches: how they are filled, sent, halved, reported in part, and given up; and lanes per key."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from sandbox.aws.calls import AwsCaller
from sandbox.pipes.delivery import executions
from sandbox.pipes.delivery.parallel_batches import lane_of
from sandbox.pipes.stream import shard_window
from tests.support.running_pipes import Call, Stage, stage, until

TEMPLATE = '{"Location": <$.dynamodb.Keys.Location.S>}'


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


def cities(call: Call) -> list[str]:
    """The locations in a request's batch."""
    return [each["Location"] for each in json.loads(call.body)]


async def written_while_stopped(at: Stage, locations: str, **changes: Any) -> None:
    """A pipe that starts with these one-letter locations waiting for it."""
    await at.pipes("create_pipe", **{**at.settings(template=TEMPLATE, **changes), "DesiredState": "STOPPED"})
    name = await at.await_state("STOPPED")
    for number, location in enumerate(locations):
        await at.put(location, MaxTemp=number)
    await at.pipes("start_pipe", Name=name)


def refusing(*bad: str, status: int = 500) -> Any:
    """Refuses every batch with one of these locations in it."""
    return lambda call: web.Response(status=status if set(cities(call)) & set(bad) else 200)


async def test_a_batch_is_one_request_with_the_array_of_transformed_records(at: Stage) -> None:
    await written_while_stopped(at, "abcdefg", BatchSize=3)

    assert (await at.settled(7))["delivered"] == 7
    assert [cities(call) for call in at.endpoint.calls] == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    records = await at.log_records("ExecutionSucceeded", 3)
    started = [record for record in records if record["messageType"] == "ExecutionStarted"]
    assert [len(json.loads(record["payload"])) for record in started] == [3, 3, 1]


async def test_a_batch_of_more_than_200_records_is_filled_from_several_reads(at: Stage) -> None:
    await at.pipes(
        "create_pipe", **{**at.settings(BatchSize=350, MaximumBatchingWindowInSeconds=2), "DesiredState": "STOPPED"}
    )
    name = await at.await_state("STOPPED")
    for number in range(350):
        await at.put(f"City {number}", MaxTemp=number)
    await at.pipes("start_pipe", Name=name)

    await at.settled(350)
    assert [len(json.loads(call.body)) for call in at.endpoint.calls] == [350]


async def test_the_batching_window_waits_for_more_and_ends(at: Stage) -> None:
    await at.create_pipe(template=TEMPLATE, BatchSize=10, MaximumBatchingWindowInSeconds=1)
    began_s = time.monotonic()
    await at.put("a", MaxTemp=1)
    await asyncio.sleep(0.2)
    await at.put("b", MaxTemp=2)

    await at.settled(2)
    assert time.monotonic() - began_s > 0.9
    assert [cities(call) for call in at.endpoint.calls] == [["a", "b"]]


async def test_a_full_batch_does_not_wait_for_the_window(at: Stage) -> None:
    await at.create_pipe(template=TEMPLATE, BatchSize=2, MaximumBatchingWindowInSeconds=300)
    await at.put("a", MaxTemp=1)
    await at.put("b", MaxTemp=2)
    await at.settled(2)


async def test_a_pipe_that_waits_for_its_window_can_be_stopped_and_loses_nothing(at: Stage) -> None:
    name = await at.create_pipe(template=TEMPLATE, BatchSize=2, MaximumBatchingWindowInSeconds=300)
    await at.put("a", MaxTemp=1)
    await asyncio.sleep(0.1)
    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    await at.put("b", MaxTemp=2)
    await at.pipes("start_pipe", Name=name)

    await at.settled(2)
    assert [cities(call) for call in at.endpoint.calls] == [["a", "b"]]


async def test_a_batch_stays_under_six_megabytes(at: Stage) -> None:
    await at.pipes("create_pipe", **{**at.settings(BatchSize=100, template=TEMPLATE), "DesiredState": "STOPPED"})
    name = await at.await_state("STOPPED")
    for number in range(20):
        item = {"Location": {"S": f"{number:02}"}, "Text": {"S": "x" * 380_000}}
        await at.call("dynamodb.PutItem", TableName=at.table, Item=item)
    await at.pipes("start_pipe", Name=name)

    await at.settled(20)
    sizes = [len(cities(call)) for call in at.endpoint.calls]
    assert sum(sizes) == 20
    assert max(sizes) <= 16
    assert sorted(city for call in at.endpoint.calls for city in cities(call)) == [f"{n:02}" for n in range(20)]


async def test_a_failed_batch_is_one_dead_letter_with_its_first_and_last_record(at: Stage) -> None:
    at.endpoint.answer = refusing("b")
    await written_while_stopped(at, "abc", BatchSize=10)

    status = await at.settled(3)
    assert (status["dead_lettered"], status["failed_attempts"]) == (3, 1)
    records = await at.stream_records()
    (letter,) = await at.dead_letters()
    info = letter["DDBStreamBatchInfo"]
    assert info["batchSize"] == 3
    assert info["startSequenceNumber"] == records[0]["dynamodb"]["SequenceNumber"]
    assert info["endSequenceNumber"] == records[2]["dynamodb"]["SequenceNumber"]


@pytest.mark.parametrize("status", [500, 400])
async def test_bisecting_finds_the_one_bad_record_and_delivers_the_others_in_order(at: Stage, status: int) -> None:
    at.endpoint.answer = refusing("d", status=status)
    await written_while_stopped(at, "abcdefg", BatchSize=10, OnPartialBatchItemFailure="AUTOMATIC_BISECT")

    settled = await at.settled(7)
    assert (settled["delivered"], settled["dead_lettered"]) == (6, 1)
    delivered = [city for call in at.endpoint.calls if "d" not in cities(call) for city in cities(call)]
    assert delivered == list("abcefg")
    (letter,) = await at.dead_letters()
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1


async def test_splitting_does_not_use_up_the_attempts(at: Stage) -> None:
    at.endpoint.answer = refusing("a")
    parameters = {"MaximumRetryAttempts": 2, "OnPartialBatchItemFailure": "AUTOMATIC_BISECT"}
    await written_while_stopped(at, "abcd", BatchSize=10, **parameters)

    await at.settled(4)
    assert [cities(call) for call in at.endpoint.calls if "a" in cities(call)] == [
        ["a", "b", "c", "d"], ["a", "b"], ["a"], ["a"], ["a"],
    ]  # fmt: skip


def reporting(*bad: str) -> Any:
    """Takes every batch, and reports these locations as failed."""

    def answer(call: Call) -> web.Response:
        events = json.loads(call.body)
        failed = [event["eventID"] for event in events if event["dynamodb"]["Keys"]["Location"]["S"] in bad]
        return web.json_response({"batchItemFailures": [{"itemIdentifier": each} for each in failed]})

    return answer


async def reported(at: Stage, **changes: Any) -> list[str]:
    """What the endpoint gets of a batch a, b, c, d when it reports c as failed, and one retry is allowed."""
    at.endpoint.answer = reporting("c")
    await at.pipes(
        "create_pipe", **{**at.settings(BatchSize=10, MaximumRetryAttempts=1, **changes), "DesiredState": "STOPPED"}
    )
    name = await at.await_state("STOPPED")
    for number, city in enumerate("abcd"):
        await at.put(city, MaxTemp=number)
    await at.pipes("start_pipe", Name=name)
    await at.settled(4)
    return ["".join(event["dynamodb"]["Keys"]["Location"]["S"] for event in body) for body in at.endpoint.bodies()]


async def test_a_reported_item_is_tried_again_with_all_that_follow_it(at: Stage) -> None:
    assert await reported(at) == ["abcd", "cd"]

    status = at.status()
    assert (status["delivered"], status["dead_lettered"]) == (2, 2)
    types = {record["messageType"] for record in await at.log_records("ExecutionPartiallyFailed")}
    assert {"TargetInvocationPartiallyFailed", "TargetStagePartiallyFailed"} <= types
    metrics = {metric.name: metric.sum for metric in at.service.take_metrics() if metric.pipe}
    assert (metrics["ExecutionPartiallyFailed"], metrics["EventCount"]) == (2, 6)


async def test_with_bisecting_only_the_reported_item_is_given_up(at: Stage) -> None:
    assert await reported(at, OnPartialBatchItemFailure="AUTOMATIC_BISECT") == ["abcd", "cd", "c", "c", "d"]
    assert (at.status()["delivered"], at.status()["dead_lettered"]) == (3, 1)


async def test_lanes_keep_the_order_of_each_key_and_a_bad_key_holds_up_no_other(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(status=503 if "key=bad" in call.url else 204)
    keys = ["bad", *(f"City {number}" for number in range(4))]
    lanes = [lane_of({"dynamodb": {"Keys": {"Location": {"S": key}}}}, 10) for key in keys]
    assert lanes[0] not in lanes[1:]
    await at.create_pipe(ParallelizationFactor=10, MaximumRetryAttempts=-1)

    await at.put("bad", MaxTemp=0)
    for number in range(40):
        await at.put(f"City {number % 4}", MaxTemp=number)
    await until(lambda: at.status()["delivered"] == 40, "the other keys")
    assert at.status()["in_flight"] == 1

    at.endpoint.answer = lambda call: web.Response(status=204)
    await at.settled(41)
    for city in range(4):
        order = [
            int(body["dynamodb"]["NewImage"]["MaxTemp"]["N"])
            for body in at.endpoint.bodies()
            if body["dynamodb"]["Keys"]["Location"]["S"] == f"City {city}"
        ]
        assert order == list(range(city, 40, 4))


class Counting:
    """Counts the calls that go through it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def wrap(self, aws: AwsCaller) -> AwsCaller:
        self._aws = aws
        return self

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        self.calls.append(operation)
        return await self._aws.call(operation, payload, region=region)


async def test_pipes_that_keep_up_share_their_reads_and_one_that_holds_delays_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_window, "_MAXIMUM_RECORDS", 100)
    counting = Counting()
    async with stage(counting.wrap) as at:
        at.endpoint.answer = lambda call: web.Response(status=503 if call.method == "POST" else 204)
        names = [f"{number}-{at.id}" for number in range(3)]
        at.destination_arn = await at.destination("fast", "PUT", "/in", rate=100_000)
        for name in names:
            await at.pipes("create_pipe", **{**at.settings(), "Name": name})
            await at.await_state("RUNNING", name)
        held = {**at.settings(MaximumRetryAttempts=-1), "Name": f"held-{at.id}"}
        held["Target"] = await at.destination("held", "POST", "/held", rate=100_000)
        await at.pipes("create_pipe", **held)
        await at.await_state("RUNNING", held["Name"])
        await at.put("first", MaxTemp=0)
        for name in names:
            await at.settled(1, name)

        counting.calls.clear()
        for number in range(400):
            await at.put(f"City {number}", MaxTemp=number)
            if number % 50 == 0:
                for name in names:
                    await at.settled(number + 2, name)
        for name in names:
            await at.settled(401, name)
        reads = counting.calls.count("dynamodbstreams.GetRecords")
        assert reads < 400

        at.endpoint.answer = lambda call: web.Response(status=204)
        status = await at.settled(401, held["Name"], timeout_s=60)
        assert status["delivered"] == 401
    held_order = [json.loads(c.body)["dynamodb"]["SequenceNumber"] for c in at.endpoint.calls if c.method == "POST"]
    assert list(dict.fromkeys(held_order)) == sorted(set(held_order))


async def test_the_beginning_of_a_batch_that_grew_too_old_is_given_up_and_the_rest_goes_on(at: Stage) -> None:
    await at.pipes(
        "create_pipe",
        **{**at.settings(BatchSize=10, template=TEMPLATE, MaximumRecordAgeInSeconds=2), "DesiredState": "STOPPED"},
    )
    name = await at.await_state("STOPPED")
    await at.put("old", MaxTemp=1)
    await asyncio.sleep(3.1)
    await at.put("new", MaxTemp=2)
    await at.pipes("start_pipe", Name=name)

    status = await at.settled(2)
    assert (status["dead_lettered"], status["delivered"]) == (1, 1)
    assert [cities(call) for call in at.endpoint.calls] == [["new"]]
    records = await at.log_records("ExecutionSucceeded")
    expired = [record for record in records if record["messageType"] == "ExecutionFailed"]
    assert [record["error"]["exceptionType"] for record in expired] == ["RecordAgeExceeded"]
    started = [json.loads(record["payload"]) for record in records if record["messageType"] == "ExecutionStarted"]
    assert [[event["dynamodb"]["Keys"]["Location"]["S"] for event in batch] for batch in started] == [["old"], ["new"]]
    assert "TargetStageFailed" not in {record["messageType"] for record in records}


async def test_an_execution_that_takes_too_long_is_ended_and_another_one_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "EXECUTION_TIMEOUT_S", 0.1)
    async with stage() as at:
        await at.create_pipe()
        await at.endpoint.down()
        await at.put("one", MaxTemp=1)
        timed_out = (await at.log_records("ExecutionTimeout"))[-1]
        assert timed_out["logLevel"] == "ERROR"
        await at.endpoint.up()
        assert (await at.settled(1))["delivered"] == 1
        names = {metric.name: metric.sum for metric in at.service.take_metrics() if metric.pipe}
    assert names["ExecutionTimeout"] >= 1


async def test_a_pipe_that_fails_all_the_time_slows_down_and_says_so(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(status=403)
    await at.create_pipe()
    for number in range(60):
        await at.put(f"City {number}", MaxTemp=number)

    assert (await at.settled(60))["dead_lettered"] == 60
    assert at.status()["backing_off_ms"] > 0
    at.endpoint.answer = lambda call: web.Response(status=204)
    await at.put("good", MaxTemp=1)
    await at.settled(61)
    await until(lambda: at.status()["backing_off_ms"] == 0, "full speed")


async def test_a_queue_that_refuses_shows_in_the_state_of_the_pipe_while_it_does(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(status=500)
    name = await at.create_pipe()
    await at.delete_queue()
    await at.put("one", MaxTemp=1)
    await until(lambda: at.status()["state_reason"], "a reason")

    described = await at.pipes("describe_pipe", Name=name)
    assert described["CurrentState"] == "RUNNING"
    assert "dead-letter queue does not accept" in described["StateReason"]
    await at.create_queue()
    await at.settled(1)
    assert (await at.pipes("describe_pipe", Name=name))["StateReason"] == "No records processed"
