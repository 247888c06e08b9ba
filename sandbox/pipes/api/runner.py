"""Runs one pipe: a worker for each shard of its stream, from start to stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.delivery.parallel_batches import ShardLanes
from sandbox.pipes.delivery.shard_delivery import Delivery
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.stream.bell import Bell
from sandbox.pipes.stream.shard_window import ShardWindows
from sandbox.pipes.stream.source import Shard, ShardClosed, ShardPosition, ShardReader, describe_stream

logger = logging.getLogger(__name__)

#: Writes ring the bell. This slow look finds what was written past it, such as by the emulator itself.
SAFETY_POLL_S = 1.0
#: Time a record has to finish when its pipe is stopped; what is cut off comes again after the start.
_STOP_GRACE_S = 0.08
#: Under this name the counters hold what concerns no single shard.
_WHOLE_STREAM = ""


@dataclass(frozen=True)
class Positions:
    """A pipe's place in each shard that it reads, and the shards that it has read to their ends."""

    shards: tuple[ShardPosition, ...]
    finished: tuple[str, ...]


class PipeRunner:
    """The workers of one pipe, and its place in each shard, which outlives a stop."""

    def __init__(self, aws: AwsCaller, bell: Bell, windows: ShardWindows, counters: Counters) -> None:
        self._aws = aws
        self._bell = bell
        self._windows = windows
        self._counters = counters
        self._readers: dict[str, ShardReader] = {}
        self._finished: set[str] = set()
        self._stopping = asyncio.Event()
        self._shard_ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def fix_positions(self, plan: PipePlan) -> None:
        """Take up the starting position in every shard there is. Raises AwsCallFailed."""
        stream = await describe_stream(self._aws, plan.stream_arn, plan.pipe.region)
        for shard in stream.shards:
            if shard.closed and plan.starting_position == "LATEST":
                self._finished.add(shard.id)
            else:
                await self._new_reader(plan, shard.id, plan.starting_position).open()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._task is not None

    def positions(self) -> Positions:
        """Where it is now. What is under way counts as not done."""
        return Positions(tuple(reader.position() for reader in self._readers.values()), tuple(sorted(self._finished)))

    def go_to(self, plan: PipePlan, positions: Positions) -> None:
        """Take up positions that were kept, before the first start."""
        for position in positions.shards:
            self._new_reader(plan, position.shard_id, plan.starting_position).go_to(position)
        self._finished.update(positions.finished)

    def start(self, plan: PipePlan, delivery: Delivery) -> None:
        """Start the workers where they were left."""
        self._stopping.clear()
        for reader in self._readers.values():
            reader.resume()
        self._task = asyncio.create_task(self._keep_running(plan, delivery), name=f"pipe {plan.pipe.name}")

    async def stop(self) -> None:
        """Stop the workers: a record under way gets a moment to finish, then it is left for the next start."""
        if self._task is None:
            return
        task, self._task = self._task, None
        self._stopping.set()
        self._shard_ended.set()
        self._bell.ring()
        await asyncio.wait([task], timeout=_STOP_GRACE_S)
        task.cancel()
        await asyncio.wait([task])
        self._counters.release_all()

    async def _keep_running(self, plan: PipePlan, delivery: Delivery) -> None:
        """Run the workers until the pipe is stopped: after an error of ours they begin anew where they were left."""
        while not self._stopping.is_set():
            try:
                await self._run(plan, delivery)
            except Exception as error:
                logger.exception("pipe %s failed, and begins anew", plan.pipe.name)
                self._counters.hold(_WHOLE_STREAM, f"Internal error: {error!r}")
                for reader in self._readers.values():
                    reader.resume()
                await self._pause()

    def _new_reader(self, plan: PipePlan, shard_id: str, position: str) -> ShardReader:
        stream = (plan.stream_arn, plan.pipe.region)
        reader = ShardReader(self._aws, self._windows.of(*stream, shard_id), stream, shard_id, position)
        self._readers[shard_id] = reader
        return reader

    async def _run(self, plan: PipePlan, delivery: Delivery) -> None:
        """Keep a worker on every shard that is ready; look for children whenever a shard has ended."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while not self._stopping.is_set():
                self._shard_ended.clear()
                for reader in await self._ready_shards(plan):
                    task = running.get(reader.shard_id)
                    if task is None or task.done():
                        running[reader.shard_id] = group.create_task(self._read_shard(reader, delivery))
                if all(task.done() for task in running.values()):
                    self._counters.hold(_WHOLE_STREAM, "The stream has no open shard for this pipe.")
                    await self._pause()
                else:
                    self._counters.release(_WHOLE_STREAM)
                    await self._shard_ended.wait()

    async def _ready_shards(self, plan: PipePlan) -> list[ShardReader]:
        """Readers of the shards that are not finished and whose parents, if still there, are."""
        try:
            stream = await describe_stream(self._aws, plan.stream_arn, plan.pipe.region)
        except AwsCallFailed as error:
            logger.warning("stream of %s cannot be described: %s", plan.pipe.name, error)
            return list(self._readers.values())
        present = {shard.id for shard in stream.shards}
        return [
            self._readers.get(shard.id) or self._new_reader(plan, shard.id, "TRIM_HORIZON")
            for shard in stream.shards
            if shard.id not in self._finished and self._is_ready(shard, present)
        ]

    def _is_ready(self, shard: Shard, present: set[str]) -> bool:
        return shard.parent in self._finished or shard.parent not in present

    async def _read_shard(self, reader: ShardReader, delivery: Delivery) -> None:
        """Read one shard to its end, or until the pipe is stopped."""
        lanes = ShardLanes(reader.shard_id, delivery, reader.cursor, self._counters, self._stopping)
        try:
            closed = await self._read_pages(reader, lanes)
            await lanes.finish()
        finally:
            await lanes.close()
        if closed and not reader.cursor.undone:
            self._finished.add(reader.shard_id)
            self._readers.pop(reader.shard_id, None)
            self._shard_ended.set()

    async def _read_pages(self, reader: ShardReader, lanes: ShardLanes) -> bool:
        """Read until the pipe is stopped (False), or to the end of the shard (True)."""
        while not self._stopping.is_set():
            rings = self._bell.rings
            try:
                if await self._read_page(reader, lanes):
                    continue
            except ShardClosed:
                return True
            except AwsCallFailed as error:
                self._counters.hold(reader.shard_id, f"The stream cannot be read: {error}")
                await self._pause()
            except Exception as error:
                logger.exception("shard %s cannot be read", reader.shard_id)
                self._counters.hold(reader.shard_id, f"Internal error: {error!r}")
                await self._pause()
            else:
                await self._bell.wait(rings, SAFETY_POLL_S)
        return False

    async def _read_page(self, reader: ShardReader, lanes: ShardLanes) -> bool:
        """Hand the next page to the lanes. Whether there was anything in it."""
        await lanes.room()
        records = await reader.read()
        self._counters.release(reader.shard_id)
        self._counters.trimmed += reader.take_trimmed()
        lanes.add(records)
        return bool(records)

    async def _pause(self) -> None:
        """Wait a second, or until the pipe is stopped."""
        try:
            async with asyncio.timeout(SAFETY_POLL_S):
                await self._stopping.wait()
        except TimeoutError:
            return
