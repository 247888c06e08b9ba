"""Takes log lines from all pipes and puts them to CloudWatch Logs in batches.

A line costs next to nothing where it is written: lines are collected for a few milliseconds and go out with one
PutLogEvents per log stream. A log that cannot be written never stops a delivery; it is reported once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.log.execution_log import LogStream

logger = logging.getLogger(__name__)

_COLLECT_S = 0.01
#: Limits of PutLogEvents: events, and bytes with 26 counted on top for each event.
_MAXIMUM_EVENTS = 10_000
_MAXIMUM_BYTES = 1_048_576
_EVENT_OVERHEAD_BYTES = 26

_Line = tuple[int, str]


class LogWriter:
    """Collects lines and flushes them from a task of its own. Lines of one stream keep their time order."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._pending: dict[LogStream, list[_Line]] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._known_streams: set[tuple[LogStream, str]] = set()
        self._reported: set[LogStream] = set()

    def append(self, stream: LogStream, timestamp_ms: int, line: str) -> None:
        """Take one line. It is in CloudWatch Logs some 10 ms later."""
        self._pending.setdefault(stream, []).append((timestamp_ms, line))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_soon(), name="pipes log writer")

    async def close(self) -> None:
        """Write what is still there."""
        if self._flushing is not None:
            await self._flushing

    async def _flush_soon(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(_COLLECT_S)
                pending, self._pending = self._pending, {}
                for stream, lines in pending.items():
                    await self._flush(stream, lines)
        finally:
            self._flushing = None

    async def _flush(self, stream: LogStream, lines: list[_Line]) -> None:
        lines.sort(key=lambda line: line[0])
        try:
            for batch in _batches(lines):
                await self._put(stream, batch)
        except AwsCallFailed as error:
            if stream not in self._reported:
                self._reported.add(stream)
                logger.warning("execution logs cannot be written to %s: %s", stream.group, error)
        except Exception:
            # The lines of other streams, and those that come later, are written all the same.
            if stream not in self._reported:
                self._reported.add(stream)
                logger.exception("execution logs cannot be written to %s", stream.group)
        else:
            self._reported.discard(stream)

    async def _put(self, stream: LogStream, batch: list[_Line]) -> None:
        name = stream.name(batch[0][0])
        if (stream, name) not in self._known_streams:
            await self._create(stream, name)
        payload = {
            "logGroupName": stream.group,
            "logStreamName": name,
            "logEvents": [{"timestamp": timestamp, "message": line} for timestamp, line in batch],
        }
        try:
            await self._aws.call("logs.PutLogEvents", payload, region=stream.region)
        except AwsCallFailed as error:
            if error.code != "ResourceNotFoundException":
                raise
            await self._create(stream, name)
            await self._aws.call("logs.PutLogEvents", payload, region=stream.region)

    async def _create(self, stream: LogStream, name: str) -> None:
        payload: dict[str, Any] = {"logGroupName": stream.group, "logStreamName": name}
        try:
            await self._aws.call("logs.CreateLogStream", payload, region=stream.region)
        except AwsCallFailed as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
        self._known_streams.add((stream, name))


def _batches(lines: list[_Line]) -> list[list[_Line]]:
    """Lines in batches that PutLogEvents takes."""
    batches: list[list[_Line]] = [[]]
    size = 0
    for line in lines:
        line_size = len(line[1].encode()) + _EVENT_OVERHEAD_BYTES
        if batches[-1] and (size + line_size > _MAXIMUM_BYTES or len(batches[-1]) >= _MAXIMUM_EVENTS):
            batches.append([])
            size = 0
        batches[-1].append(line)
        size += line_size
    return batches
