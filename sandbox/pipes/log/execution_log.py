"""Execution log records of a pipe, in the shape that AWS really writes (facts/aws-pipes.md, section 1)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.syntax.json_paths import compact

_LEVELS = {"OFF": 0, "ERROR": 1, "INFO": 2, "TRACE": 3}

#: The level from which on a message type is written: the table of facts, section 1.3, for our stages.
_LEVEL_OF = {
    "ExecutionStarted": "INFO",
    "TargetStageEntered": "INFO",
    "TargetTransformationStarted": "TRACE",
    "TargetTransformationSucceeded": "TRACE",
    "TargetInvocationStarted": "TRACE",
    "TargetInvocationSucceeded": "TRACE",
    "TargetInvocationFailed": "ERROR",
    "TargetInvocationPartiallyFailed": "ERROR",
    "TargetStageSucceeded": "INFO",
    "TargetStageFailed": "ERROR",
    "TargetStagePartiallyFailed": "ERROR",
    "ExecutionSucceeded": "INFO",
    "ExecutionFailed": "ERROR",
    "ExecutionPartiallyFailed": "ERROR",
    "ExecutionTimeout": "ERROR",
}

#: Bytes one record may have; payload, awsRequest and awsResponse are cut, in this order, to get there.
MAXIMUM_RECORD_BYTES = 256 * 1024
_CUT_ORDER = ("payload", "awsRequest", "awsResponse")


@dataclass(frozen=True)
class LogStream:
    """Where records go: a CloudWatch Logs group and the region it is in; streams are named `<pipe>/<day>`."""

    group: str
    region: str
    prefix: str

    def name(self, timestamp_ms: int) -> str:
        """The log stream for a moment: one per pipe and day (UTC)."""
        return f"{self.prefix}/{datetime.fromtimestamp(timestamp_ms / 1000, UTC):%Y-%m-%d}"


@dataclass(frozen=True)
class LogSettings:
    """A pipe's compiled LogConfiguration. `stream` is None when nothing is to be written to CloudWatch Logs."""

    pipe_arn: str
    level: int
    includes_data: bool
    stream: LogStream | None


def log_settings(pipe_arn: str, pipe_name: str, configuration: Mapping[str, Any]) -> LogSettings:
    """Compile the LogConfiguration of a pipe."""
    level = _LEVELS[configuration.get("Level", "OFF")]
    group_arn = (configuration.get("CloudwatchLogsLogDestination") or {}).get("LogGroupArn", "")
    stream = None
    if level and group_arn:
        arn = parse_arn(group_arn)
        group = arn.resource.removeprefix("log-group:").removesuffix(":*")
        stream = LogStream(group, arn.region, f"pipes/{pipe_name}")
    includes_data = "ALL" in (configuration.get("IncludeExecutionData") or ())
    return LogSettings(pipe_arn, level, includes_data, stream)


#: Takes a line for a log stream; the timestamp is in epoch ms.
Append = Callable[[LogStream, int, str], None]


class ExecutionLog:
    """Writes the records of one pipe's executions."""

    def __init__(self, settings: LogSettings, append: Append) -> None:
        self._settings = settings
        self._append = append
        self.includes_data = settings.includes_data and settings.stream is not None

    def start(self) -> Execution:
        """A new execution with an id of its own. Nothing is written yet."""
        return Execution(str(uuid.uuid4()), self)

    def wants(self, message_type: str) -> bool:
        """Whether records of this type are written at the pipe's level."""
        return self._settings.stream is not None and self._settings.level >= _LEVELS[_LEVEL_OF[message_type]]

    def write(
        self, execution_id: str, message_type: str, data: Mapping[str, str], error: Mapping[str, Any] | None
    ) -> None:
        """Write one record if the pipe's level wants it. `data` is left out without IncludeExecutionData."""
        stream = self._settings.stream
        level = _LEVEL_OF[message_type]
        if stream is None or self._settings.level < _LEVELS[level]:
            return
        timestamp = int(time.time() * 1000)
        record: dict[str, Any] = {
            "resourceArn": self._settings.pipe_arn,
            "timestamp": timestamp,
            "executionId": execution_id,
            "messageType": message_type,
            "logLevel": level,
        }
        if self.includes_data:
            record.update(data)
        if error is not None:
            record["error"] = error
        self._append(stream, timestamp, serialize(record))


@dataclass(frozen=True)
class Execution:
    """One journey of a record to the target. All its log records carry the same id."""

    id: str
    log: ExecutionLog

    def write(self, message_type: str, **data: str) -> None:
        """A record of a step that went well; `data` are payload, awsRequest and awsResponse."""
        self.log.write(self.id, message_type, data, None)

    def fail(self, message_type: str, error: Mapping[str, Any], **data: str) -> None:
        """A record of a step that failed."""
        self.log.write(self.id, message_type, data, error)


def serialize(record: dict[str, Any]) -> str:
    """One line of the log, of at most 256 KB: what is too much is cut from the end of the data fields in turn."""
    line = compact(record)
    if len(line) <= MAXIMUM_RECORD_BYTES // 4 or len(line.encode()) <= MAXIMUM_RECORD_BYTES:
        return line
    cut = dict(record)
    names: list[str] = []
    for name in _CUT_ORDER:
        if not cut.get(name):
            continue
        names.append(name)
        cut["truncatedFields"] = names
        text, cut[name] = cut[name], ""
        room = MAXIMUM_RECORD_BYTES - len(compact(cut).encode())
        if room > 0:
            cut[name] = _fitting(text, room)
            break
    return compact(cut)


def _fitting(text: str, room: int) -> str:
    """The longest beginning of `text` that takes no more than `room` bytes inside JSON, to within a few bytes."""
    low, high = 0, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        if len(compact(text[:middle]).encode()) - 2 <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low]
