"""Saves that write only what changed add up to what a save of everything would write (issue 11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.persistence.change import Change, KeptList, Snapshot
from sandbox.persistence.emulator_changes import EmulatorChanges
from sandbox.persistence.emulator_state import put_back
from sandbox.persistence.emulator_stores import module
from sandbox.persistence.snapshot_file import SnapshotFile, statements, text_of
from sandbox.persistence.watched import watch
from tests.support.running_pipes import Stage, stage


def everything() -> Snapshot:
    """All that would be kept, as a first save takes it; entries and events in the order that they have now."""
    taken = EmulatorChanges().take({})
    taken.failed()
    return Snapshot(
        {name: json.loads(text) for name, text in taken.change.parts.items()},
        {each.name: KeptList(each.first, each.elements) for each in taken.change.lists},
        {each.name: dict(each.put) for each in taken.change.maps if each.put},
    )


def in_time(snapshot: Snapshot) -> Snapshot:
    """The same with log events in the order of time: kept they are in that of their arrival."""

    def time_of(element: dict[str, Any]) -> int:
        return int(element.get("timestamp", 0))

    lists = {name: KeptList(kept.first, sorted(kept.elements, key=time_of)) for name, kept in snapshot.lists.items()}
    return Snapshot(snapshot.parts, lists, snapshot.maps)


def json_copy(snapshot: Snapshot) -> Snapshot:
    """The same as it comes out of a file, without any object of the emulator."""
    parts, lists, maps = json.loads(
        text_of(
            [
                snapshot.parts,
                {name: [kept.first, kept.elements] for name, kept in snapshot.lists.items()},
                {name: [[key, value] for key, value in entries.items()] for name, entries in snapshot.maps.items()},
            ]
        )
    )
    return Snapshot(
        parts,
        {name: KeptList(*kept) for name, kept in lists.items()},
        {name: {tuple(key): value for key, value in entries} for name, entries in maps.items()},
    )


async def fill(at: Stage) -> None:
    """Something of each kind."""
    await at.put("Oslo", MaxTemp=1)
    await at.put("Oslo", MaxTemp=2)
    await at.put("Rome", MaxTemp=3)
    await at.delete("Oslo")
    await at.call("sqs.CreateQueue", QueueName=f"{at.id}.fifo", Attributes={"FifoQueue": "true"})
    url = await queue_of(at)
    for number in range(3):
        message = {"MessageBody": f"b{number}", "MessageGroupId": f"g{number}", "MessageDeduplicationId": f"d{number}"}
        await at.call("sqs.SendMessage", QueueUrl=url, **message)
    await at.call("secretsmanager.CreateSecret", Name=at.id, SecretString="s")
    await at.call("logs.CreateLogStream", logGroupName=at.group, logStreamName="a/b")
    await log(at, 5)


async def queue_of(at: Stage) -> str:
    return str((await at.call("sqs.GetQueueUrl", QueueName=f"{at.id}.fifo"))["QueueUrl"])


async def log(at: Stage, *times: int) -> None:
    events = [{"timestamp": each, "message": f"line {each}"} for each in times]
    await at.call("logs.PutLogEvents", logGroupName=at.group, logStreamName="a/b", logEvents=events)


@pytest.fixture
async def at() -> AsyncIterator[Stage]:
    watch()
    async with stage() as found:
        await fill(found)
        yield found


async def test_what_the_emulator_holds_comes_back_as_it_was(at: Stage) -> None:
    url = await queue_of(at)
    before = json_copy(everything())
    records = await at.stream_records()

    put_back(json_copy(before), "http://elsewhere", "http://unused")

    assert json_copy(everything()) == before
    assert await at.stream_records() == records
    assert len(records) == 4
    assert await queue_of(at) == url
    await at.put("Paris", MaxTemp=3)
    assert (await at.stream_records())[-1]["dynamodb"]["SequenceNumber"] > records[-1]["dynamodb"]["SequenceNumber"]


async def write_items(at: Stage) -> None:
    await at.put("Oslo", MaxTemp=4)
    await at.put("Rome", MaxTemp=5)
    await at.delete("Rome")
    key = {"Location": {"S": "Bern"}}
    put = {"Put": {"TableName": at.table, "Item": {**key, "TTL": {"N": "1"}}}}
    await at.call("dynamodb.TransactWriteItems", TransactItems=[put])
    more = [{"PutRequest": {"Item": {"Location": {"S": f"City {number}"}}}} for number in range(25)]
    await at.call("dynamodb.BatchWriteItem", RequestItems={at.table: more})
    values = {":t": {"N": "9"}}
    update = {"UpdateExpression": "SET MaxTemp = :t", "ExpressionAttributeValues": values}
    await at.call("dynamodb.UpdateItem", TableName=at.table, Key=key, **update)


async def move_messages(at: Stage) -> None:
    url = await queue_of(at)
    received = await at.call("sqs.ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=2)
    first, second = (each["ReceiptHandle"] for each in received["Messages"])
    await at.call("sqs.ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=first, VisibilityTimeout=0)
    await at.call("sqs.DeleteMessage", QueueUrl=url, ReceiptHandle=second)
    more = {"MessageBody": "new", "MessageGroupId": "new", "MessageDeduplicationId": "new"}
    await at.call("sqs.SendMessage", QueueUrl=url, **more)


async def send_and_receive(at: Stage) -> None:
    url = await queue_of(at)
    more = {"MessageBody": "new", "MessageGroupId": "new", "MessageDeduplicationId": "new"}
    await at.call("sqs.SendMessage", QueueUrl=url, **more)
    await at.call("sqs.ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)


async def purge(at: Stage) -> None:
    url = await queue_of(at)
    await at.call("sqs.PurgeQueue", QueueUrl=url)
    for number in range(3):
        more = {"MessageBody": "new", "MessageGroupId": "new", "MessageDeduplicationId": f"new {number}"}
        await at.call("sqs.SendMessage", QueueUrl=url, **more)


async def log_late(at: Stage) -> None:
    await log(at, 9)
    await log(at, 7, 3)
    await log(at, 9, 10)


async def make_log_stream_anew(at: Stage) -> None:
    await at.call("logs.DeleteLogStream", logGroupName=at.group, logStreamName="a/b")
    await at.call("logs.CreateLogStream", logGroupName=at.group, logStreamName="a/b")
    await log(at, 1)


async def delete_the_queue(at: Stage) -> None:
    await at.call("sqs.DeleteQueue", QueueUrl=await queue_of(at))


async def make_the_table_anew(at: Stage) -> None:
    described = (await at.call("dynamodb.DescribeTable", TableName=at.table))["Table"]
    await at.call("dynamodb.DeleteTable", TableName=at.table)
    kept = ("TableName", "KeySchema", "AttributeDefinitions", "StreamSpecification")
    await at.call("dynamodb.CreateTable", BillingMode="PAY_PER_REQUEST", **{name: described[name] for name in kept})
    await at.put("Rome", MaxTemp=8)


async def let_records_expire(at: Stage) -> None:
    (records,) = (each for (*_, name), each in module("dynamodb")._stream_records._data.items() if name == at.table)
    for record in records[:3]:
        record["dynamodb"]["ApproximateCreationDateTime"] = 1
    await at.put("Rome", MaxTemp=8)


CHANGES = [
    write_items,
    move_messages,
    send_and_receive,
    purge,
    log_late,
    make_log_stream_anew,
    delete_the_queue,
    make_the_table_anew,
    let_records_expire,
]


@pytest.mark.parametrize("change", CHANGES)
async def test_saves_of_what_changed_add_up_to_all_there_is(
    at: Stage, tmp_path: Path, change: Callable[[Stage], Awaitable[None]]
) -> None:
    file, changes = SnapshotFile(tmp_path / "kept"), EmulatorChanges()

    def save() -> Change:
        taken = changes.take({})
        file.save(statements(taken.change))
        taken.saved()
        return taken.change

    try:
        save()
        await change(at)
        # One that could not be written: the next one holds all of it.
        changes.take({}).failed()
        await at.put("Later", MaxTemp=1)
        save()
        await asyncio.sleep(0)
        last = save()
        kept = file.load()
    finally:
        file.close()

    assert kept is not None
    assert in_time(kept) == in_time(json_copy(everything()))
    assert (last.lists, last.maps, last.gone) == ([], [], []), "what was saved is not saved again"


async def test_after_a_load_only_what_is_new_is_written(at: Stage) -> None:
    changes = EmulatorChanges()
    kept = json_copy(everything())
    put_back(kept, "http://elsewhere", "http://unused")
    changes.adopt(kept.parts)

    nothing = changes.take({})
    assert (nothing.change.lists, nothing.change.maps, nothing.change.gone) == ([], [], [])
    nothing.saved()
    await at.put("Later", MaxTemp=1)
    await log(at, 6)

    change = changes.take({}).change
    assert [[key for key, _ in each.put] for each in change.maps] == [[("Later", "__no_sort__")]]
    assert sorted(len(each.elements) for each in change.lists) == [1, 1]
