"""Several shards, splits and closed shards.

The embedded emulator knows one shard only. So the stream here is scripted, behind the same AwsCaller protocol;
everything else is the emulator.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sandbox.aws.calls import AwsCaller
from tests.support.running_pipes import Stage, stage, until


class ShardedStream:
    """A stream that takes records per shard and can split. An iterator is `<shard>:<position>`."""

    def __init__(self) -> None:
        self.aws: AwsCaller | None = None
        self.parents: dict[str, str] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.closed: set[str] = set()
        self._count = 0

    def wrap(self, aws: AwsCaller) -> AwsCaller:
        """Stand in front of the emulator for the calls of streams."""
        self.aws = aws
        return self

    def open(self, shard: str, parent: str = "") -> None:
        """A new shard."""
        self.parents[shard] = parent
        self.records[shard] = []

    def add(self, shard: str, name: str) -> None:
        """A new record."""
        self._count += 1
        change = {
            "ApproximateCreationDateTime": int(time.time()),
            "SizeBytes": 26,
            "Keys": {"Location": {"S": name}},
            "SequenceNumber": f"{self._count:021d}",
        }
        self.records[shard].append({"eventID": name, "eventName": "INSERT", "dynamodb": change})

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """Answer for streams, hand on the rest."""
        if operation == "dynamodbstreams.DescribeStream":
            return {"StreamDescription": {"StreamStatus": "ENABLED", **self._page(payload)}}
        if operation == "dynamodbstreams.GetShardIterator":
            return {"ShardIterator": self._iterator(payload)}
        if operation == "dynamodbstreams.GetRecords":
            return self._read(payload["ShardIterator"])
        assert self.aws is not None
        return await self.aws.call(operation, payload, region=region)

    def _page(self, payload: dict[str, Any]) -> dict[str, Any]:
        """One shard a page, so that paging is always in play."""
        names = list(self.parents)
        position = names.index(payload["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in payload else 0
        shard = names[position]
        end = {"EndingSequenceNumber": "9" * 21} if shard in self.closed else {}
        shown = {"ShardId": shard, "ParentShardId": self.parents[shard], "SequenceNumberRange": end}
        last = {"LastEvaluatedShardId": shard} if position + 1 < len(names) else {}
        return {"Shards": [shown], **last}

    def _iterator(self, payload: dict[str, Any]) -> str:
        records = self.records[payload["ShardId"]]
        sequences = [record["dynamodb"]["SequenceNumber"] for record in records]
        kind = payload["ShardIteratorType"]
        if kind == "TRIM_HORIZON":
            position = 0
        elif kind == "LATEST":
            position = len(records)
        else:
            position = sequences.index(payload["SequenceNumber"]) + 1
        return f"{payload['ShardId']}:{position}"

    def _read(self, iterator: str) -> dict[str, Any]:
        shard, _, position = iterator.partition(":")
        page = self.records[shard][int(position) : int(position) + 2]
        reached = int(position) + len(page)
        if shard in self.closed and reached == len(self.records[shard]):
            return {"Records": page}
        return {"Records": page, "NextShardIterator": f"{shard}:{reached}"}


def arrived(at: Stage) -> list[str]:
    """Names of the records that the endpoint got."""
    return [json.loads(call.body)["eventID"] for call in at.endpoint.calls]


async def test_children_are_read_once_their_parent_is_finished_while_other_shards_go_on() -> None:
    stream = ShardedStream()
    stream.open("parent")
    stream.open("other")
    for number in range(5):
        stream.add("parent", f"p{number}")
    stream.add("other", "o0")
    async with stage(stream.wrap) as at:
        await at.create_pipe(StartingPosition="TRIM_HORIZON")
        await at.settled(6)

        stream.open("left", "parent")
        stream.open("right", "parent")
        stream.add("left", "l0")
        stream.add("right", "r0")
        stream.add("parent", "p5")
        stream.closed.add("parent")
        at.service.notify_write()
        await at.settled(9)
        stream.add("other", "o1")
        stream.add("right", "r1")
        at.service.notify_write()
        await at.settled(11)

    names = arrived(at)
    assert sorted(names) == ["l0", "o0", "o1", "p0", "p1", "p2", "p3", "p4", "p5", "r0", "r1"]
    assert [name for name in names if name[0] == "p"] == [f"p{number}" for number in range(6)]
    assert names.index("p5") < min(names.index("l0"), names.index("r0"))


async def test_latest_skips_closed_shards_and_reads_their_children_from_now_on() -> None:
    stream = ShardedStream()
    stream.open("parent")
    stream.add("parent", "old")
    stream.closed.add("parent")
    stream.open("child", "parent")
    stream.add("child", "before")
    async with stage(stream.wrap) as at:
        await at.create_pipe()
        stream.add("child", "after")
        at.service.notify_write()
        await at.settled(1)
    assert arrived(at) == ["after"]


async def test_a_record_that_blocks_its_shard_blocks_no_other() -> None:
    stream = ShardedStream()
    stream.open("a")
    stream.open("b")
    async with stage(stream.wrap) as at:
        at.endpoint.answer = _refusing("a")
        await at.create_pipe(MaximumRetryAttempts=-1)
        stream.add("a", "a0")
        stream.add("b", "b0")
        stream.add("b", "b1")
        at.service.notify_write()
        await until(lambda: at.status()["delivered"] == 2, "both records of the other shard")
        status = at.status()
    assert status["in_flight"] == 1
    assert "status 503" in status["holding_reason"]
    assert [name for name in arrived(at) if name[0] == "b"] == ["b0", "b1"]


def _refusing(prefix: str) -> Any:
    from aiohttp import web

    return lambda call: web.Response(status=503 if json.loads(call.body)["eventID"].startswith(prefix) else 204)
