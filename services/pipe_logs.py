"""The pipes' log records, and the executions that they tell of. Pure.

The shape is what real pipes write (facts/aws-pipes.md, section 1): PascalCase message types, epoch milliseconds,
payloads as strings that hold JSON. The documented UPPER_SNAKE spelling, missing fields and lines that are no
JSON at all (AWS writes one when it sets a subscription up) are taken as they come.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from services.texts import encodable

#: The last moment that a datetime can be, in epoch milliseconds.
_LATEST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log group. `time_ms` is in epoch milliseconds; `raw` is the line as it came."""

    event_id: str
    time_ms: int
    raw: str
    pipe: str = ""
    execution_id: str = ""
    message_type: str = ""
    level: str = ""
    error: str = ""
    status: int | None = None
    payload: str = ""

    @property
    def readable(self) -> bool:
        """Whether this is a record of a pipe execution at all."""
        return bool(self.execution_id and self.message_type)


class Outcome(Enum):
    """How an execution stands."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RUNNING = "running"
    #: Attempts fail and go on: the target cannot be reached, and Pipes tries without end.
    HOLDING = "holding"


@dataclass(frozen=True, slots=True)
class Execution:
    """One event on its way through one pipe. Times in epoch milliseconds; `attempts` counts failed invocations."""

    execution_id: str
    pipe: str
    started_ms: int
    last_ms: int
    outcome: Outcome
    location: str = ""
    event_name: str = ""
    error: str = ""
    attempts: int = 0

    @property
    def duration_ms(self) -> int:
        """From its first record to its latest."""
        return self.last_ms - self.started_ms


def parse(event_id: str, timestamp_ms: int, message: str) -> LogRecord:
    """One log event as a record. Never raises: an unreadable line is a record that is not `readable`."""
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        return LogRecord(event_id, timestamp_ms, message)
    if not isinstance(content, dict):
        return LogRecord(event_id, timestamp_ms, message)
    error = content.get("error")
    error = error if isinstance(error, dict) else {}
    return LogRecord(
        event_id=event_id,
        time_ms=_time(content.get("timestamp"), timestamp_ms),
        raw=message,
        pipe=_text(content.get("resourceArn")).rpartition("/")[2],
        execution_id=_text(content.get("executionId")),
        message_type=_pascal(_text(content.get("messageType"))),
        level=_text(content.get("logLevel")),
        error=_text(error.get("message")),
        status=_status(error.get("httpStatusCode")),
        payload=_text(content.get("payload")),
    )


def _text(value: object) -> str:
    return encodable(str(value or ""))


def _time(value: object, otherwise: int) -> int:
    try:
        moment = int(float(str(value)))
    except (ValueError, OverflowError):
        return otherwise
    return moment if 0 <= moment <= _LATEST_MS else otherwise


def _status(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _pascal(message_type: str) -> str:
    """`EXECUTION_FAILED` and `Execution Failed` as the wire spells them: `ExecutionFailed`."""
    if "_" in message_type or " " in message_type:
        return "".join(word.capitalize() for word in message_type.replace("_", " ").split())
    return message_type


def executions(records: Iterable[LogRecord]) -> list[Execution]:
    """The executions in the records, the one that started last first. Records may come in any order."""
    by_id: OrderedDict[str, list[LogRecord]] = OrderedDict()
    for record in records:
        if record.readable:
            by_id.setdefault(record.execution_id, []).append(record)
    found = [_execution(sorted(group, key=lambda record: record.time_ms)) for group in by_id.values()]
    return sorted(found, key=lambda execution: execution.started_ms, reverse=True)


_FAILURES = frozenset({"ExecutionFailed", "ExecutionPartiallyFailed", "ExecutionTimeout"})


def _execution(records: list[LogRecord]) -> Execution:
    types = [record.message_type for record in records]
    location, event_name = _of_payload(records)
    errors = [record.error for record in records if record.error]
    return Execution(
        execution_id=records[0].execution_id,
        pipe=records[0].pipe,
        started_ms=records[0].time_ms,
        last_ms=records[-1].time_ms,
        outcome=_outcome(types),
        location=location,
        event_name=event_name,
        error=errors[-1] if errors else "",
        attempts=types.count("TargetInvocationFailed"),
    )


def _outcome(types: list[str]) -> Outcome:
    if "ExecutionSucceeded" in types:
        return Outcome.SUCCEEDED
    if _FAILURES.intersection(types):
        return Outcome.FAILED
    return Outcome.HOLDING if "TargetInvocationFailed" in types else Outcome.RUNNING


def _of_payload(records: list[LogRecord]) -> tuple[str, str]:
    """Location and event name of the first stream record in a payload, or two empty texts."""
    for record in records:
        if record.message_type == "ExecutionStarted" and record.payload:
            return _first_change(record.payload)
    return "", ""


def _first_change(payload: str) -> tuple[str, str]:
    try:
        content: Any = json.loads(payload)
        first = content[0] if isinstance(content, list) else content
        location, event_name = first["dynamodb"]["Keys"]["Location"]["S"], first.get("eventName", "")
        return encodable(str(location)), encodable(str(event_name))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Truncated payloads are no longer JSON, and other tables have other keys.
        return "", ""


@dataclass(frozen=True, slots=True)
class PipeTally:
    """What one pipe did in a span of time. Times in epoch milliseconds, 0 for never."""

    succeeded: int = 0
    failed: int = 0
    holding: int = 0
    last_success_ms: int = 0
    last_failure_ms: int = 0
    last_error: str = ""


def tally(found: Iterable[Execution], since_ms: int) -> dict[str, PipeTally]:
    """Per pipe, the executions that were still going on at `since_ms` or began later."""
    groups: dict[str, list[Execution]] = {}
    for execution in found:
        if execution.last_ms >= since_ms:
            groups.setdefault(execution.pipe, []).append(execution)
    return {pipe: _tally(group) for pipe, group in groups.items()}


def _tally(group: list[Execution]) -> PipeTally:
    succeeded = [execution for execution in group if execution.outcome is Outcome.SUCCEEDED]
    failed = [execution for execution in group if execution.outcome is Outcome.FAILED]
    holding = [execution for execution in group if execution.outcome is Outcome.HOLDING]
    latest_error = max(failed + holding, key=lambda execution: execution.last_ms, default=None)
    return PipeTally(
        succeeded=len(succeeded),
        failed=len(failed),
        holding=len(holding),
        last_success_ms=max((execution.last_ms for execution in succeeded), default=0),
        last_failure_ms=max((execution.last_ms for execution in failed), default=0),
        last_error=latest_error.error if latest_error else "",
    )
