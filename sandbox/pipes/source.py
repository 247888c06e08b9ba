"""Reading a DynamoDB stream: shards, and one pipe's position in each of them.

A position is the sequence number of the last record that is done with. Until there is one, it is a shard
iterator, kept fresh by reading. Nothing here decides what happens to a record.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed

_PAGE = 200


@dataclass(frozen=True)
class Shard:
    """A shard as DescribeStream shows it. `parent` is "" when it has none; a closed one gets no more records."""

    id: str
    parent: str
    closed: bool


@dataclass(frozen=True)
class Stream:
    """A stream and its shards, parents before children. A disabled stream takes no more records."""

    arn: str
    enabled: bool
    shards: tuple[Shard, ...]


async def describe_stream(aws: AwsCaller, arn: str, region: str) -> Stream:
    """The stream with all its shards. Raises AwsCallFailed (ResourceNotFoundException when there is none)."""
    shards: list[Shard] = []
    payload = {"StreamArn": arn}
    while True:
        answer = await aws.call("dynamodbstreams.DescribeStream", payload, region=region)
        description = answer["StreamDescription"]
        for each in description["Shards"]:
            closed = "EndingSequenceNumber" in each.get("SequenceNumberRange", {})
            shards.append(Shard(each["ShardId"], each.get("ParentShardId", ""), closed))
        last = description.get("LastEvaluatedShardId")
        if not last:
            return Stream(arn, description["StreamStatus"] in ("ENABLED", "ENABLING"), tuple(shards))
        payload = {"StreamArn": arn, "ExclusiveStartShardId": last}


class ShardClosed(Exception):
    """Raised when a shard has no more records and never will have."""


class ShardReader:
    """One pipe's place in one shard. Kept while the pipe is stopped, so that it goes on where it was."""

    def __init__(self, aws: AwsCaller, stream_arn: str, region: str, shard_id: str, starting_position: str) -> None:
        self.shard_id = shard_id
        self._trimmed = 0
        self._aws = aws
        self._stream_arn = stream_arn
        self._region = region
        self._starting_position = starting_position
        self._done_sequence = ""
        self._iterator = ""
        self._next_iterator: str | None = None
        # In whole seconds, like ApproximateCreationDateTime. It matters only when a LATEST iterator was lost.
        self._latest_since = math.floor(time.time()) if starting_position == "LATEST" else 0

    async def open(self) -> None:
        """Fix the starting position: with LATEST nothing that is written from now on is missed."""
        self._iterator = await self._iterator_of(self._starting_position)

    def resume(self) -> None:
        """Go back to the first record that is not done with: the page at hand may have been left half way."""
        if self._done_sequence:
            self._iterator = ""

    async def read(self) -> list[dict[str, Any]]:
        """The next records, or none when there is nothing new. Without `finish_page` the same page comes again.

        Raises ShardClosed, and AwsCallFailed for whatever a new iterator does not cure.
        """
        while True:
            answer = await self._get_records()
            self._next_iterator = answer.get("NextShardIterator")
            records: list[dict[str, Any]] = answer["Records"]
            if not records:
                if self._next_iterator is None:
                    raise ShardClosed
                return records
            wanted = [each for each in records if _created(each) >= self._latest_since]
            if wanted:
                return wanted
            self.finish_page()

    def done(self, record: dict[str, Any]) -> None:
        """Move past a record: it was filtered out, delivered, or its dead letter was accepted."""
        self._done_sequence = record["dynamodb"]["SequenceNumber"]

    def finish_page(self) -> None:
        """All records of the page are done with."""
        # The last page of a closed shard has no next one: reading after its last record then finds the end.
        self._iterator = self._next_iterator or ""

    def take_trimmed(self) -> int:
        """How often, since the last call, records were trimmed before they were read."""
        trimmed, self._trimmed = self._trimmed, 0
        return trimmed

    async def _get_records(self) -> dict[str, Any]:
        if not self._iterator:
            self._iterator = await self._new_iterator()
        try:
            return await self._call_get_records()
        except AwsCallFailed as error:
            if error.code == "ExpiredIteratorException":
                self._iterator = await self._new_iterator()
            elif error.code == "TrimmedDataAccessException":
                self._iterator = await self._trim_horizon()
            else:
                raise
        return await self._call_get_records()

    async def _call_get_records(self) -> dict[str, Any]:
        payload = {"ShardIterator": self._iterator, "Limit": _PAGE}
        return await self._aws.call("dynamodbstreams.GetRecords", payload, region=self._region)

    async def _new_iterator(self) -> str:
        if not self._done_sequence:
            return await self._iterator_of("TRIM_HORIZON")
        try:
            return await self._iterator_of("AFTER_SEQUENCE_NUMBER", self._done_sequence)
        except AwsCallFailed as error:
            if error.code != "TrimmedDataAccessException":
                raise
        return await self._trim_horizon()

    async def _trim_horizon(self) -> str:
        self._trimmed += 1
        self._done_sequence = ""
        return await self._iterator_of("TRIM_HORIZON")

    async def _iterator_of(self, kind: str, sequence: str = "") -> str:
        payload = {"StreamArn": self._stream_arn, "ShardId": self.shard_id, "ShardIteratorType": kind}
        if sequence:
            payload["SequenceNumber"] = sequence
        answer = await self._aws.call("dynamodbstreams.GetShardIterator", payload, region=self._region)
        return str(answer["ShardIterator"])


def _created(record: dict[str, Any]) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
