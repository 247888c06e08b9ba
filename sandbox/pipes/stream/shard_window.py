"""The newest records of a shard, read once for all pipes on it.

Pipes that keep up stand near the end of the window, so that one GetRecords serves them all. A pipe whose place is
not in the window any more, because it is slow or holds, reads for itself; the others do not notice.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.stream.bell import Bell
from sandbox.pipes.stream.stream_records import sequence_of, size_of

#: Records that GetRecords is asked for.
PAGE = 200
_MAXIMUM_RECORDS = 1000
_MAXIMUM_BYTES = 16 * 1024 * 1024
#: An empty look counts for everyone for so long, unless the bell rings. Less than the readers' own slow look.
_EMPTY_LOOK_S = 0.5


@dataclass(frozen=True)
class WindowPage:
    """Records, and whether the shard ends behind them."""

    records: list[dict[str, Any]]
    ended: bool


class ShardWindow:
    """A bounded window of records in stream order, and the iterator behind its last record."""

    def __init__(self, aws: AwsCaller, bell: Bell, region: str) -> None:
        self._aws = aws
        self._bell = bell
        self._region = region
        self._records: list[dict[str, Any]] = []
        self._sizes: list[int] = []
        self._positions: dict[str, int] = {}
        self._first = 0
        self._bytes = 0
        self._iterator: str | None = None
        self._reading = asyncio.Lock()
        self._empty_look = (-1, 0.0)

    async def after(self, sequence: str) -> WindowPage | None:
        """The page behind `sequence`.

        None when the window cannot tell: the caller then reads for itself, and offers what it read.
        """
        async with self._reading:
            if sequence not in self._positions:
                return None
            found = self._behind(sequence)
            if not found and self._iterator is not None and not self._looked_just_now():
                if not await self._read():
                    return None
                found = self._behind(sequence)
            ended = self._iterator is None and (not found or found[-1] is self._records[-1])
            return WindowPage(found, ended)

    def offer(self, records: list[dict[str, Any]], next_iterator: str | None) -> None:
        """Take up a page that a pipe read for itself, when it goes further than the window does."""
        if not records:
            return
        last = int(sequence_of(records[-1]))
        if self._reading.locked() or (self._records and last <= int(sequence_of(self._records[-1]))):
            return
        self._forget()
        self._append(records)
        self._iterator = next_iterator

    def _behind(self, sequence: str) -> list[dict[str, Any]]:
        start = self._positions[sequence] + 1 - self._first
        return self._records[start : start + PAGE]

    def _looked_just_now(self) -> bool:
        rings, looked_s = self._empty_look
        return rings == self._bell.rings and time.monotonic() - looked_s < _EMPTY_LOOK_S

    async def _read(self) -> bool:
        """Read one page. False when the iterator is of no use any more; then the window is empty."""
        look = (self._bell.rings, time.monotonic())
        payload = {"ShardIterator": self._iterator, "Limit": PAGE}
        try:
            answer = await self._aws.call("dynamodbstreams.GetRecords", payload, region=self._region)
        except AwsCallFailed:
            # Whoever asked reads for itself now, and reports what is wrong if it meets it, too.
            self._forget()
            return False
        self._iterator = answer.get("NextShardIterator")
        self._append(answer["Records"])
        if not answer["Records"]:
            self._empty_look = look
        return True

    def _append(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            self._positions[sequence_of(record)] = self._first + len(self._records)
            self._records.append(record)
            self._sizes.append(size_of(record))
        self._bytes += sum(self._sizes[len(self._sizes) - len(records) :])
        self._drop_oldest(keep=len(records))

    def _drop_oldest(self, keep: int) -> None:
        """Come back to the bounds, but never below the page that was just read."""
        left, excess = len(self._records), 0
        while left > keep and (left > _MAXIMUM_RECORDS or self._bytes > _MAXIMUM_BYTES):
            self._bytes -= self._sizes[excess]
            del self._positions[sequence_of(self._records[excess])]
            excess, left = excess + 1, left - 1
        del self._records[:excess], self._sizes[:excess]
        self._first += excess

    def _forget(self) -> None:
        self._first += len(self._records)
        self._records.clear()
        self._sizes.clear()
        self._positions.clear()
        self._bytes = 0
        self._iterator = None
        self._empty_look = (-1, 0.0)


class ShardWindows:
    """The windows of all shards that are read. One lives as long as a pipe reads its shard."""

    def __init__(self, aws: AwsCaller, bell: Bell) -> None:
        self._aws = aws
        self._bell = bell
        self._windows: WeakValueDictionary[tuple[str, str], ShardWindow] = WeakValueDictionary()

    def of(self, stream_arn: str, region: str, shard_id: str) -> ShardWindow:
        """The window of a shard, the same for everyone."""
        window = self._windows.get((stream_arn, shard_id))
        if window is None:
            window = self._windows[stream_arn, shard_id] = ShardWindow(self._aws, self._bell, region)
        return window
