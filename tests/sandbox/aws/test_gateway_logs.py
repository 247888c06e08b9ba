"""FilterLogEvents through boto3 and the gateway, and the same inside the process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.running_pipes import ACCOUNT, REGION, SESSION, Stage, stage

#: A moment after which startFromHead may be false.
START = 1_790_000_000_000


@pytest.fixture
async def built() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


async def put(built: Stage, stream: str, *events: tuple[int, str]) -> None:
    """Write events, at milliseconds after START."""
    streams = await built.call("logs.DescribeLogStreams", logGroupName=built.group, logStreamNamePrefix=stream)
    if not streams["logStreams"]:
        await built.call("logs.CreateLogStream", logGroupName=built.group, logStreamName=stream)
    lines = [{"timestamp": START + at, "message": message} for at, message in events]
    await built.call("logs.PutLogEvents", logGroupName=built.group, logStreamName=stream, logEvents=lines)


def client(built: Stage) -> Any:
    """boto3's client of CloudWatch Logs on the gateway."""
    return SESSION.client("logs", endpoint_url=built.client.meta.endpoint_url)


async def found(built: Stage, **arguments: Any) -> list[str]:
    """All messages, over all pages, as boto3's own paginator reads them."""
    pages = client(built).get_paginator("filter_log_events").paginate(logGroupName=built.group, **arguments)
    read = await asyncio.to_thread(lambda: list(pages))
    return [event["message"] for page in read for event in page["events"]]


async def test_more_events_than_a_page_holds_are_all_read(built: Stage) -> None:
    events = [(number // 3, f"line {number}") for number in range(12_000)]
    for stream, part in (("one", events[::2]), ("two", events[1::2])):
        await put(built, stream, *part)

    read = await found(built)

    assert len(read) == 12_000
    assert set(read) == {message for _, message in events}


async def test_streams_are_interleaved_by_time_and_events_have_lasting_ids(built: Stage) -> None:
    await put(built, "b", (1, "b1"), (3, "b3"))
    await put(built, "a", (2, "a2"), (4, "a4"))

    answer = await asyncio.to_thread(client(built).filter_log_events, logGroupName=built.group)
    again = await asyncio.to_thread(client(built).filter_log_events, logGroupName=built.group)

    assert [(event["logStreamName"], event["message"]) for event in answer["events"]] == [
        ("b", "b1"),
        ("a", "a2"),
        ("b", "b3"),
        ("a", "a4"),
    ]
    assert len({event["eventId"] for event in answer["events"]}) == 4
    assert answer["events"] == again["events"]
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.level = "ERROR" }', {0}),
        ("{ $.n >= 1 && $.n < 3 }", {1, 2}),
        ("{ $.extra NOT EXISTS }", {0, 1}),
        ("?timed ?fine", {1, 2}),
        ('"it timed" -fine', {1}),
        ("%f.ne%", {2}),
    ],
)
async def test_a_pattern_finds_what_it_means(built: Stage, pattern: str, expected: set[int]) -> None:
    lines: list[dict[str, Any]] = [
        {"n": 0, "level": "ERROR"},
        {"n": 1, "level": "WARN", "text": "it timed out"},
        {"n": 2, "level": "INFO", "text": "fine", "extra": 1},
    ]
    await put(built, "s", *[(number, json.dumps(line)) for number, line in enumerate(lines)])

    assert {json.loads(message)["n"] for message in await found(built, filterPattern=pattern)} == expected


async def test_time_range_streams_and_direction_narrow_what_is_read(built: Stage) -> None:
    await put(built, "pipes/a", *[(at, f"a{at}") for at in (0, 10, 20, 30)])
    await put(built, "pipes/b", *[(at, f"b{at}") for at in (1, 11, 21, 31)])
    await put(built, "other", (15, "o15"))

    window = {"startTime": START + 10, "endTime": START + 21}
    assert await found(built, **window, logStreamNamePrefix="pipes/") == ["a10", "b11", "a20", "b21"]
    assert await found(built, **window, logStreamNames=["pipes/b", "other"]) == ["b11", "o15", "b21"]
    backwards = {**window, "startFromHead": False, "PaginationConfig": {"PageSize": 1}}
    assert await found(built, **backwards, logStreamNamePrefix="pipes/") == ["b21", "a20", "b11", "a10"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"filterPattern": "{ $.a"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"nextToken": "x"}, "InvalidParameterException", "nextToken is invalid"),
        ({"limit": 10_001}, "InvalidParameterException", "at 'limit'"),
        ({"logStreamNames": ["a"], "logStreamNamePrefix": "a"}, "InvalidParameterException", "together"),
        ({"logGroupIdentifier": "g"}, "InvalidParameterException", "logGroupIdentifier"),
        ({"startFromHead": False, "startTime": 1}, "InvalidParameterException", "startFromHead"),
        ({"logStreamNames": ["nope"]}, "ResourceNotFoundException", "log stream does not exist"),
        ({"logGroupName": "nope"}, "ResourceNotFoundException", "log group does not exist"),
    ],
)
async def test_a_call_that_cannot_be_answered_says_why(
    built: Stage, arguments: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        await asyncio.to_thread(client(built).filter_log_events, **{"logGroupName": built.group, **arguments})

    assert caught.value.response["Error"]["Code"] == code


async def test_a_group_is_found_by_its_arn_and_in_its_own_region_only(built: Stage) -> None:
    await put(built, "s", (1, "here"))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{built.group}"

    answer = await built.call("logs.FilterLogEvents", logGroupIdentifier=arn)

    assert [event["message"] for event in answer["events"]] == ["here"]
    elsewhere = SESSION.client("logs", region_name="eu-west-1", endpoint_url=built.client.meta.endpoint_url)
    with pytest.raises(ClientError, match="log group does not exist"):
        await asyncio.to_thread(elsewhere.filter_log_events, logGroupName=built.group)
