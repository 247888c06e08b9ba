"""A reader of a whole stream, for the ledger alone: it shares nothing with the readers of the pipes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed

#: Records per call. Between calls others have their turn, so that a look delays no delivery by more than some ms.
_PAGE = 25
_LOST_ITERATOR = frozenset({"ExpiredIteratorException", "TrimmedDataAccessException"})


class StreamReader:
    """Every record of a stream once, from its trim horizon on; shards in their order, parents first."""

    def __init__(self, aws: AwsCaller, stream_arn: str, region: str) -> None:
        self._aws = aws
        self._stream_arn = stream_arn
        self._region = region
        # By shard: where to read on (None when it has ended), and the last record that was read.
        self._iterators: dict[str, str | None] = {}
        self._last: dict[str, str] = {}

    async def read(self) -> AsyncIterator[dict[str, Any]]:
        """The records that are there and were not read before. Raises AwsCallFailed; what was read stays read."""
        for shard_id in await self._shard_ids():
            if shard_id not in self._iterators:
                self._iterators[shard_id] = await self._new_iterator(shard_id)
            while records := await self._page(shard_id):
                for record in records:
                    self._last[shard_id] = record["dynamodb"]["SequenceNumber"]
                    yield record
                await asyncio.sleep(0)

    async def _shard_ids(self) -> list[str]:
        found: list[str] = []
        payload = {"StreamArn": self._stream_arn}
        while True:
            description = (await self._call("DescribeStream", payload))["StreamDescription"]
            found += [shard["ShardId"] for shard in description["Shards"]]
            last = description.get("LastEvaluatedShardId")
            if not last:
                return found
            payload = {"StreamArn": self._stream_arn, "ExclusiveStartShardId": last}

    async def _page(self, shard_id: str) -> list[dict[str, Any]]:
        iterator = self._iterators[shard_id]
        if iterator is None:
            return []
        try:
            answer = await self._call("GetRecords", {"ShardIterator": iterator, "Limit": _PAGE})
        except AwsCallFailed as error:
            if error.code not in _LOST_ITERATOR:
                raise
            answer = await self._call(
                "GetRecords", {"ShardIterator": await self._new_iterator(shard_id), "Limit": _PAGE}
            )
        self._iterators[shard_id] = answer.get("NextShardIterator")
        records: list[dict[str, Any]] = answer["Records"]
        return records

    async def _new_iterator(self, shard_id: str) -> str:
        """After the last record that was read; at the trim horizon when there is none, or it is gone."""
        payload = {"StreamArn": self._stream_arn, "ShardId": shard_id}
        last = self._last.get(shard_id)
        if last:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
            try:
                return str((await self._call("GetShardIterator", {**payload, **place}))["ShardIterator"])
            except AwsCallFailed as error:
                if error.code not in _LOST_ITERATOR:
                    raise
        horizon = {**payload, "ShardIteratorType": "TRIM_HORIZON"}
        return str((await self._call("GetShardIterator", horizon))["ShardIterator"])

    async def _call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return await self._aws.call(f"dynamodbstreams.{action}", payload, region=self._region)
