"""Reading a DynamoDB stream: shards, and one pipe's position in each of them.

A position is a Cursor. Until a record is done with it is a shard iterator, kept fresh by reading.
Nothing here decides what happens to a record.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.stream.cursor import Cursor
from sandbox.pipes.stream.shard_window import PAGE, ShardWindow
from sandbox.pipes.stream.stream_records import created_s


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


@dataclass(frozen=True)
class ShardPosition:
    """Where a pipe is in a shard, in a form that can be kept: the last sequence number up to which all is done with.

    While there is none, the iterator counts that the pipe began with, and if that has expired, the records from
    `latest_since` (epoch s) on.
    """

    shard_id: str
    sequence: str
    first_iterator: str
    latest_since: int


class ShardClosed(Exception):
    """Raised when a shard has no more records and never will have."""


class ShardReader:
    """One pipe's place in one shard. Kept while the pipe is stopped, so that it goes on where it was."""

    def __init__(
        self,
        aws: AwsCaller,
        window: ShardWindow,
        stream: tuple[str, str],
        shard_id: str,
        starting_position: str,
    ) -> None:
        self.shard_id = shard_id
        self.cursor = Cursor()
        self._trimmed = 0
        self._aws = aws
        self._window = window
        self._stream_arn, self._region = stream
        self._starting_position = starting_position
        self._iterator = ""
        # Where the first records were read; it counts while nothing is done with. Kept fresh by reading.
        self._first_iterator = ""
        # In whole seconds, like ApproximateCreationDateTime. It matters only when a LATEST iterator was lost.
        self._latest_since = math.floor(time.time()) if starting_position == "LATEST" else 0

    async def open(self) -> None:
        """Fix the starting position: with LATEST nothing that is written from now on is missed."""
        self._iterator = self._first_iterator = await self._iterator_of(self._starting_position)

    def position(self) -> ShardPosition:
        """Where it is now."""
        return ShardPosition(self.shard_id, self.cursor.sequence, self._first_iterator, self._latest_since)

    def go_to(self, position: ShardPosition) -> None:
        """Take up a position that was kept. `resume` then reads from there."""
        self.cursor.sequence = position.sequence
        self._first_iterator = position.first_iterator
        self._latest_since = position.latest_since

    def resume(self) -> None:
        """Go back to the first record that is not done with."""
        self.cursor.go_back()
        self._iterator = "" if self.cursor.sequence else self._first_iterator

    async def read(self) -> list[dict[str, Any]]:
        """The next records that are not done with, or none when there is nothing new.

        Raises ShardClosed once all were read, and AwsCallFailed for whatever a new iterator does not cure.
        """
        while True:
            page = await self._read_with_others()
            if page is None:
                page = await self._read_alone()
            records = self.cursor.take(page)
            if records or not page:
                return records

    def take_trimmed(self) -> int:
        """How often, since the last call, records were trimmed before they were read."""
        trimmed, self._trimmed = self._trimmed, 0
        return trimmed

    async def _read_with_others(self) -> list[dict[str, Any]] | None:
        """The next page out of the window that all pipes on the shard share, None when it is not in there."""
        place = self.cursor.reading_place
        shared = await self._window.after(place) if place else None
        if shared is None:
            return None
        self._iterator = ""
        if shared.ended and not shared.records:
            raise ShardClosed
        return shared.records

    async def _read_alone(self) -> list[dict[str, Any]]:
        while True:
            answer = await self._get_records()
            records: list[dict[str, Any]] = answer["Records"]
            following = answer.get("NextShardIterator")
            wanted = [each for each in records if created_s(each) >= self._latest_since]
            if following is None and not wanted:
                raise ShardClosed
            self._window.offer(records, following)
            # The last page of a closed shard has no next one: reading after its last record then finds the end.
            used, self._iterator = self._iterator, following or ""
            if not self.cursor.reading_place:
                self._first_iterator = used if wanted else self._iterator
            if wanted or not records:
                return wanted

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
        payload = {"ShardIterator": self._iterator, "Limit": PAGE}
        return await self._aws.call("dynamodbstreams.GetRecords", payload, region=self._region)

    async def _new_iterator(self) -> str:
        place = self.cursor.reading_place
        if not place:
            return await self._iterator_of("TRIM_HORIZON")
        try:
            return await self._iterator_of("AFTER_SEQUENCE_NUMBER", place)
        except AwsCallFailed as error:
            if error.code != "TrimmedDataAccessException":
                raise
        return await self._trim_horizon()

    async def _trim_horizon(self) -> str:
        self._trimmed += 1
        self.cursor.restart()
        return await self._iterator_of("TRIM_HORIZON")

    async def _iterator_of(self, kind: str, sequence: str = "") -> str:
        payload = {"StreamArn": self._stream_arn, "ShardId": self.shard_id, "ShardIteratorType": kind}
        if sequence:
            payload["SequenceNumber"] = sequence
        answer = await self._aws.call("dynamodbstreams.GetShardIterator", payload, region=self._region)
        return str(answer["ShardIterator"])
