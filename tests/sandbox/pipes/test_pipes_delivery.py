"""What becomes of a table write: the Pipes runtime on a real stream, a real endpoint, queue and log group."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.running_pipes import SECRET, Call, Stage, stage, until

TEMPLATE = '{"Location": <$.dynamodb.Keys.Location.S>, "MaxTemp": <$.dynamodb.NewImage.MaxTemp.N>}'


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


async def test_a_write_becomes_the_request_that_the_pipe_describes(at: Stage) -> None:
    await at.create_pipe(template=TEMPLATE)

    await at.put("São Paulo/1", MaxTemp=88, TTL=60)

    await at.settled(1)
    (call,) = at.endpoint.calls
    assert call.method == "PUT"
    assert call.url == "/cache/my-cache?key=S%C3%A3o%20Paulo%2F1&ttl_seconds=60"
    assert call.body == '{"Location": "São Paulo/1", "MaxTemp": "88"}'
    assert call.headers["Authorization"] == SECRET
    assert call.headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert call.headers["Content-Type"] == "application/json; charset=utf-8"
    assert call.headers["Range"] == "bytes=0-1048575"
    assert call.headers["Accept-Encoding"] == "gzip,deflate"
    assert "Accept" not in call.headers


async def test_without_a_template_the_body_is_the_record(at: Stage) -> None:
    await at.put("Oslo", MaxTemp=1)
    at.destination_arn = await at.destination("delete", "DELETE", "/cache/*")
    await at.create_pipe(pattern='{"eventName":["REMOVE"]}')

    await at.delete("Oslo")

    await at.settled(1)
    (call,) = at.endpoint.calls
    event = json.loads(call.body)
    assert call.method == "DELETE"
    assert call.url == "/cache/my-cache?key=Oslo&ttl_seconds="
    assert event["eventName"] == "REMOVE"
    assert event["eventSourceARN"] == at.stream_arn
    assert "NewImage" not in event["dynamodb"]


async def test_filtered_records_move_the_cursor_and_leave_no_trace(at: Stage) -> None:
    await at.create_pipe(pattern='{"eventName":["REMOVE"]}')

    await at.put("Oslo", MaxTemp=1)
    await at.put("Rome", MaxTemp=2)
    await at.delete("Oslo")

    status = await at.settled(3)
    assert (status["filtered"], status["delivered"]) == (2, 1)
    records = await at.log_records("ExecutionSucceeded")
    assert {record["messageType"] for record in records} == {
        "ExecutionStarted",
        "TargetStageEntered",
        "TargetStageSucceeded",
        "ExecutionSucceeded",
    }
    assert len({record["executionId"] for record in records}) == 1


async def test_records_arrive_in_the_order_in_which_they_were_written(at: Stage) -> None:
    await at.create_pipe()

    for number in range(300):
        await at.put(f"City {number % 3}", MaxTemp=number)

    await at.settled(300)
    temperatures = [int(body["dynamodb"]["NewImage"]["MaxTemp"]["N"]) for body in at.endpoint.bodies()]
    assert temperatures == list(range(300))


async def test_at_trace_level_every_step_is_logged_in_order(at: Stage) -> None:
    await at.create_pipe(template=TEMPLATE, level="TRACE")

    await at.put("Oslo", MaxTemp=1)

    records = await at.log_records("ExecutionSucceeded")
    assert [record["messageType"] for record in records] == [
        "ExecutionStarted",
        "TargetStageEntered",
        "TargetTransformationStarted",
        "TargetTransformationSucceeded",
        "TargetInvocationStarted",
        "TargetInvocationSucceeded",
        "TargetStageSucceeded",
        "ExecutionSucceeded",
    ]
    assert json.loads(records[3]["payload"]) == [{"Location": "Oslo", "MaxTemp": "1"}]
    assert json.loads(records[5]["awsResponse"])["statusCode"] == 204


async def test_a_stopped_pipe_goes_on_where_it_was(at: Stage) -> None:
    name = await at.create_pipe()
    await at.put("before", MaxTemp=0)
    await at.settled(1)

    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    for number in range(5):
        await at.put(f"City {number}", MaxTemp=number)
    await asyncio.sleep(0.05)
    assert len(at.endpoint.calls) == 1

    await at.pipes("start_pipe", Name=name)
    await at.settled(6)
    assert [body["dynamodb"]["Keys"]["Location"]["S"] for body in at.endpoint.bodies()] == [
        "before", "City 0", "City 1", "City 2", "City 3", "City 4",
    ]  # fmt: skip


async def test_trim_horizon_begins_with_what_was_there(at: Stage) -> None:
    await at.put("before", MaxTemp=1)
    await at.create_pipe(StartingPosition="TRIM_HORIZON")
    await at.put("after", MaxTemp=2)

    await at.settled(2)
    assert [body["dynamodb"]["Keys"]["Location"]["S"] for body in at.endpoint.bodies()] == ["before", "after"]


async def test_latest_begins_with_the_first_write_after_the_pipe_runs(at: Stage) -> None:
    await at.put("before", MaxTemp=1)
    await at.create_pipe()
    await at.put("after", MaxTemp=2)

    await at.settled(1)
    assert [body["dynamodb"]["Keys"]["Location"]["S"] for body in at.endpoint.bodies()] == ["after"]


async def test_an_expired_iterator_costs_nothing(at: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import dynamodb_streams

    name = await at.create_pipe()
    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    monkeypatch.setattr(dynamodb_streams, "_ITERATOR_TTL_SECONDS", 0.1)
    await at.put("while stopped", MaxTemp=1)
    await asyncio.sleep(0.15)

    await at.pipes("start_pipe", Name=name)

    await at.settled(1)
    assert at.endpoint.bodies()[0]["dynamodb"]["Keys"]["Location"]["S"] == "while stopped"


async def test_after_trimmed_records_the_pipe_goes_on_and_says_so(at: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import dynamodb

    name = await at.create_pipe()
    await at.put("first", MaxTemp=1)
    await at.settled(1)
    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    await at.put("trimmed", MaxTemp=2)
    await asyncio.sleep(2.1)
    monkeypatch.setattr(dynamodb, "_STREAM_RETENTION_SECONDS", 1)
    await at.put("kept", MaxTemp=3)
    monkeypatch.setattr(dynamodb, "_STREAM_RETENTION_SECONDS", 86_400)

    await at.pipes("start_pipe", Name=name)

    status = await at.settled(2)
    assert status["trimmed"] == 1
    assert [body["dynamodb"]["Keys"]["Location"]["S"] for body in at.endpoint.bodies()] == ["first", "kept"]


async def test_a_new_key_is_used_from_the_next_request_on(at: Stage) -> None:
    await at.create_pipe()
    await at.put("one", MaxTemp=1)
    await at.settled(1)

    key = {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "new"}}
    await at.call("events.UpdateConnection", Name=f"main-{at.id}", AuthorizationType="API_KEY", AuthParameters=key)
    at.service.notify_events_change()
    await at.put("two", MaxTemp=2)

    await at.settled(2)
    assert [call.headers["Authorization"] for call in at.endpoint.calls] == [SECRET, "new"]


async def test_basic_authorization_and_what_the_connection_adds(at: Stage) -> None:
    at.destination_arn = await at.destination(
        "basic",
        "POST",
        "/topics/*",
        AuthorizationType="BASIC",
        AuthParameters={
            "BasicAuthParameters": {"Username": "me", "Password": "pass"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Team", "Value": "weather", "IsValueSecret": False}],
                "QueryStringParameters": [{"Key": "key", "Value": "from the connection", "IsValueSecret": True}],
                "BodyParameters": [{"Key": "MaxTemp", "Value": "hidden", "IsValueSecret": True}],
            },
        },
    )
    await at.create_pipe(template=TEMPLATE, level="TRACE")

    await at.put("Oslo", MaxTemp=1, TTL=5)

    await at.settled(1)
    (call,) = at.endpoint.calls
    assert call.headers["Authorization"] == "Basic bWU6cGFzcw=="
    assert call.headers["X-Team"] == "weather"
    assert call.url == "/topics/my-cache?ttl_seconds=5&key=from%20the%20connection"
    assert json.loads(call.body) == {"Location": "Oslo", "MaxTemp": "hidden"}
    logged = json.dumps(await at.log_records("ExecutionSucceeded"))
    assert not [secret for secret in ("bWU6cGFzcw", "hidden", "from the connection") if secret in logged]


async def test_a_write_through_the_gateway_wakes_the_pipe(at: Stage) -> None:
    await at.create_pipe()
    arrived: list[Call] = at.endpoint.calls
    rings: list[int] = []
    ring = at.service.notify_write
    at.service.notify_write = lambda: (rings.append(1), ring())  # type: ignore[method-assign,assignment,func-returns-value]

    await asyncio.to_thread(
        at.dynamodb().put_item, TableName=at.table, Item={"Location": {"S": "Oslo"}, "MaxTemp": {"N": "1"}}
    )

    await until(lambda: arrived, "the request")
    assert rings == [1]
