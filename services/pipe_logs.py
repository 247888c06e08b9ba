"""The pipes' log records, and the executions that they tell of. Pure.

The shape is what real pipes write (facts/aws-pipes.md, section 1): PascalCase message types, epoch milliseconds,
payloads as strings that hold JSON. The documented UPPER_SNAKE spelling, missing fields and lines that are no
JSON at all (AWS writes one when it sets a subscription up) are taken as they come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
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
    """One event on its way through one pipe. Times in epoch milliseconds; `attempts` counts failed invocations.

    `sequence_number`, `created_s` (DynamoDB's clock, whole epoch seconds) and `image`, the mark of the new image, are
    those of its first stream record, as far as the log has them. `target_ms` is 0 while the target was not called.
    """

    execution_id: str
    pipe: str
    started_ms: int
    last_ms: int
    outcome: Outcome
    location: str = ""
    event_name: str = ""
    error: str = ""
    attempts: int = 0
    sequence_number: str = ""
    created_s: int = 0
    image: int = 0
    target_ms: int = 0

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
    by_id: dict[str, Execution] = {}
    for record in records:
        if record.readable:
            by_id[record.execution_id] = extended(by_id.get(record.execution_id), record)
    return newest_first(by_id.values())


def newest_first(found: Iterable[Execution]) -> list[Execution]:
    """Executions, the one that started last first."""
    return sorted(found, key=lambda execution: execution.started_ms, reverse=True)


def extended(known: Execution | None, record: LogRecord) -> Execution:
    """An execution with one more of its records, which may come in any order."""
    change = _of_payload(record)
    if known is None:
        known = Execution(record.execution_id, record.pipe, record.time_ms, record.time_ms, Outcome.RUNNING)
    later = record.time_ms >= known.last_ms
    return Execution(
        execution_id=known.execution_id,
        pipe=known.pipe or record.pipe,
        started_ms=min(known.started_ms, record.time_ms),
        last_ms=max(known.last_ms, record.time_ms),
        outcome=max(known.outcome, _outcome(record.message_type), key=_RANK.__getitem__),
        location=known.location or change.location,
        event_name=known.event_name or change.event_name,
        error=record.error if record.error and (later or not known.error) else known.error,
        attempts=known.attempts + (record.message_type == "TargetInvocationFailed"),
        sequence_number=known.sequence_number or change.sequence_number,
        created_s=known.created_s or change.created_s,
        image=known.image or change.image,
        target_ms=_first_call(known.target_ms, record),
    )


#: What tells that the target is called; the second one only at log level TRACE.
_CALLS = frozenset({"TargetStageEntered", "TargetInvocationStarted"})


def _first_call(known_ms: int, record: LogRecord) -> int:
    if record.message_type not in _CALLS:
        return known_ms
    return min(known_ms, record.time_ms) if known_ms else record.time_ms


_FAILURES = frozenset({"ExecutionFailed", "ExecutionPartiallyFailed", "ExecutionTimeout"})
#: What a record proves outweighs what another leaves open.
_RANK = {Outcome.RUNNING: 0, Outcome.HOLDING: 1, Outcome.FAILED: 2, Outcome.SUCCEEDED: 3}


def _outcome(message_type: str) -> Outcome:
    """How the execution stands as far as one record tells."""
    if message_type == "ExecutionSucceeded":
        return Outcome.SUCCEEDED
    if message_type in _FAILURES:
        return Outcome.FAILED
    return Outcome.HOLDING if message_type == "TargetInvocationFailed" else Outcome.RUNNING


@dataclass(frozen=True, slots=True)
class _StreamChange:
    """What a stream record says, as far as an execution keeps it."""

    location: str = ""
    event_name: str = ""
    sequence_number: str = ""
    created_s: int = 0
    image: int = 0


_NO_CHANGE = _StreamChange()
#: The numbers of an image that tell two changes of a location apart.
_NUMBERS = ("MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL")


def _of_payload(record: LogRecord) -> _StreamChange:
    """The first stream record in the payload of a start, or one that says nothing."""
    if record.message_type == "ExecutionStarted" and record.payload:
        return _first_change(record.payload)
    return _NO_CHANGE


def _first_change(payload: str) -> _StreamChange:
    try:
        content: Any = json.loads(payload)
        first = content[0] if isinstance(content, list) else content
        stream = first["dynamodb"]
        return _StreamChange(
            encodable(str(stream["Keys"]["Location"]["S"])),
            encodable(str(first.get("eventName", ""))),
            encodable(str(stream.get("SequenceNumber", ""))),
            _time(stream.get("ApproximateCreationDateTime"), 0),
            image_mark(stream.get("NewImage")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Truncated payloads are no longer JSON, and other tables have other keys.
        return _NO_CHANGE


def image_mark(item: Any) -> int:
    """A number that two images share when their weather is equal; 0 for what is no such image."""
    try:
        numbers = [Decimal(item[name]["N"]) for name in _NUMBERS if name in item]
        return hash(tuple(numbers)) if numbers else 0
    except (TypeError, LookupError, ValueError, ArithmeticError):
        return 0


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
