"""The lanes of one shard: records of one key stay in one lane and in order, lanes go on side by side.

Each lane collects its records into batches and has one batch under way. There are as many lanes as the pipe's
ParallelizationFactor says.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any
from zlib import crc32

from sandbox.pipes.delivery.shard_delivery import Delivery, Settled
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.plan.batches import MAXIMUM_BATCH_BYTES, Batch
from sandbox.pipes.stream.cursor import Cursor
from sandbox.pipes.stream.stream_records import size_of
from sandbox.pipes.syntax.json_paths import compact

logger = logging.getLogger(__name__)

#: Records that may be taken ahead of the cursor, at least. It bounds what a lane that stands still piles up.
_AHEAD = 400
#: Pause before a batch is taken up again that broke the runtime itself, in s.
_AFTER_INTERNAL_ERROR_S = 1.0


def lane_of(record: dict[str, Any], lanes: int) -> int:
    """The number of the lane for a record: the same for all records of one key."""
    return lane_of_key(compact(record["dynamodb"].get("Keys")), lanes)


def lane_of_key(key: str, lanes: int) -> int:
    """The number of the lane for all records of a key, which is given as compact JSON."""
    return crc32(key.encode()) % lanes


class ShardLanes:
    """The lanes of one pipe on one shard, for one run of the pipe."""

    def __init__(
        self, shard_id: str, delivery: Delivery, cursor: Cursor, counters: Counters, stopping: asyncio.Event
    ) -> None:
        self._cursor = cursor
        self._progress = asyncio.Event()
        batching = delivery.batching
        self._most_ahead = max(_AHEAD, 2 * batching.size * batching.lanes)
        names = [f"{shard_id}#{number}" for number in range(batching.lanes)]
        self._lanes = [_Lane(shard_id, name, delivery, self._settled, counters, stopping) for name in names]

    def add(self, records: list[dict[str, Any]]) -> None:
        """Hand records to their lanes."""
        if not records:
            return
        if len(self._lanes) == 1:
            self._lanes[0].add(records)
            return
        for record in records:
            self._lanes[lane_of(record, len(self._lanes))].add([record])

    async def room(self) -> None:
        """Wait until more may be read ahead of the cursor."""
        while self._cursor.undone >= self._most_ahead:
            self._progress.clear()
            await self._progress.wait()

    async def finish(self) -> None:
        """Wait until the lanes have nothing more to do, or, when the pipe is stopping, have ended their batches."""
        await asyncio.gather(*(lane.task for lane in self._lanes if lane.task is not None))

    async def close(self) -> None:
        """Cut off whatever is under way."""
        tasks = [lane.task for lane in self._lanes if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _settled(self, record: dict[str, Any]) -> None:
        self._cursor.done(record)
        self._progress.set()


class _Lane:
    def __init__(
        self,
        shard_id: str,
        name: str,
        delivery: Delivery,
        settled: Settled,
        counters: Counters,
        stopping: asyncio.Event,
    ) -> None:
        self.task: asyncio.Task[None] | None = None
        self._shard_id = shard_id
        self._name = name
        self._delivery = delivery
        self._settled = settled
        self._counters = counters
        self._stopping = stopping
        self._waiting: deque[dict[str, Any]] = deque()
        self._collected_bytes = 0
        self._more = asyncio.Event()

    def add(self, records: list[dict[str, Any]]) -> None:
        """Take up records, and get to work if there was nothing to do."""
        self._waiting.extend(records)
        self._more.set()
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work(), name=f"lane {self._name}")

    async def _work(self) -> None:
        while self._waiting and not self._stopping.is_set():
            records = await self._collect()
            if records and not self._stopping.is_set():
                await self._handle(Batch(self._shard_id, self._name, tuple(records)))

    async def _collect(self) -> list[dict[str, Any]]:
        """The next batch: as much as is there, and for a pipe with a batching window what comes while it lasts."""
        batching = self._delivery.batching
        records: list[dict[str, Any]] = []
        self._collected_bytes = 0
        deadline_s = 0.0
        while True:
            is_full = self._fill(records)
            if is_full or not records or not batching.window_s:
                return records
            deadline_s = deadline_s or asyncio.get_running_loop().time() + batching.window_s
            self._more.clear()
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self._more.wait()
            except TimeoutError:
                return records

    def _fill(self, records: list[dict[str, Any]]) -> bool:
        """Move waiting records that the filters take to `records`. Whether no more fit."""
        most = self._delivery.batching.size
        while self._waiting and len(records) < most:
            record = self._waiting[0]
            if not self._delivery.takes(record):
                self._settled(self._waiting.popleft())
                continue
            if most > 1:
                self._collected_bytes += size_of(record)
                if records and self._collected_bytes > MAXIMUM_BATCH_BYTES:
                    return True
            records.append(self._waiting.popleft())
        return len(records) >= most

    async def _handle(self, batch: Batch) -> None:
        """See a batch through, again and again should the runtime itself break on it."""
        while True:
            try:
                return await self._delivery.handle(batch, self._settled)
            except Exception as error:
                logger.exception("a batch of shard %s cannot be handled", self._shard_id)
                self._counters.hold(self._name, f"The record cannot be handled: {error!r}")
                await asyncio.sleep(_AFTER_INTERNAL_ERROR_S)
