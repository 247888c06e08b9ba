"""The pipes' log records, and the executions that they tell of. Pure.

The shape is what real pipes write (facts/aws-pipes.md, section 1): PascalCase message types, epoch milliseconds,
payloads as strings that hold JSON. The documented UPPER_SNAKE spelling, missing fields and lines that are no
JSON at all (AWS writes one when it sets a subscription up) are taken as they come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core import names
from core.text import encodable

#: The last moment that a datetime can be, in epoch milliseconds.
_LATEST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Change:
    """One stream record as an execution's payload tells of it. What the payload does not say is empty or None.

    `created_s` is when DynamoDB made it, in epoch seconds; DynamoDB gives whole seconds.
    """

    sequence_number: str
    location: str = ""
    event_name: str = ""
    created_s: float | None = None


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log group. `time_ms` is in epoch milliseconds; `raw` is the line as it came.

    `changes` are the stream records of an ExecutionStarted, as far as its payload was not cut. `truncated` names
    the fields that were.
    """

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
    request: str = ""
    response: str = ""
    truncated: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

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
    """One event or batch on its way through one pipe. Times in epoch milliseconds.

    `attempts` counts failed invocations. Location, event and sequence number are those of its first stream record,
    `batch` says how many the log tells of. `status` is the HTTP status of the latest error, if it had one, and
    `error_ms` its time.
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
    status: int | None = None
    sequence_number: str = ""
    batch: int = 0
    error_ms: int = 0

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
    message_type, payload = _pascal(_text(content.get("messageType"))), _text(content.get("payload"))
    return LogRecord(
        event_id=event_id,
        time_ms=_time(content.get("timestamp"), timestamp_ms),
        raw=message,
        pipe=_text(content.get("resourceArn")).rpartition("/")[2],
        execution_id=_text(content.get("executionId")),
        message_type=message_type,
        level=_text(content.get("logLevel")),
        error=_text(error.get("message")),
        status=_status(error.get("httpStatusCode")),
        payload=payload,
        request=_text(content.get("awsRequest")),
        response=_text(content.get("awsResponse")),
        truncated=_names(content.get("truncatedFields")),
        changes=_changes(payload) if message_type == "ExecutionStarted" else (),
    )


def _text(value: object) -> str:
    return encodable(str(value or ""))


def _names(value: object) -> tuple[str, ...]:
    return tuple(_text(name) for name in value) if isinstance(value, list) else ()


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
    if known is None:
        known = Execution(record.execution_id, record.pipe, record.time_ms, record.time_ms, Outcome.RUNNING)
    first = record.changes[0] if record.changes else Change("")
    # Of two errors in one millisecond either may be read first; what is kept must not depend on it.
    tells = bool(record.error) and (record.time_ms, record.error) >= (known.error_ms, known.error)
    return Execution(
        execution_id=known.execution_id,
        pipe=known.pipe or record.pipe,
        started_ms=min(known.started_ms, record.time_ms),
        last_ms=max(known.last_ms, record.time_ms),
        outcome=max(known.outcome, _outcome(record.message_type), key=_RANK.__getitem__),
        location=known.location or first.location,
        event_name=known.event_name or first.event_name,
        error=record.error if tells else known.error,
        attempts=known.attempts + (record.message_type == "TargetInvocationFailed"),
        status=record.status if tells else known.status,
        sequence_number=known.sequence_number or first.sequence_number,
        batch=max(known.batch, len(record.changes)),
        error_ms=record.time_ms if tells else known.error_ms,
    )


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


def _changes(payload: str) -> tuple[Change, ...]:
    """The stream records in a payload, up to where it was cut; what is no stream record is left out."""
    return tuple(change for change in map(_change, _elements(payload)) if change is not None)


def _elements(payload: str) -> Iterator[Any]:
    """The elements of a JSON array, or its only one; of an array that was cut, those that are whole."""
    try:
        content = json.loads(payload)
        yield from content if isinstance(content, list) else (content,)
    except (ValueError, RecursionError):
        yield from _whole_elements(payload)


def _whole_elements(payload: str) -> Iterator[Any]:
    position = 1 if payload.startswith("[") else len(payload)
    while position < len(payload):
        try:
            element, position = _DECODER.raw_decode(payload, position)
        except (ValueError, RecursionError):
            return
        yield element
        position += len(payload[position : position + 1])


_DECODER = json.JSONDecoder()


def _change(element: Any) -> Change | None:
    """One element of a payload, or None when it is no stream record. Other tables have other keys."""
    try:
        stream = element["dynamodb"]
        number = encodable(str(stream.get("SequenceNumber", "")))
        location = stream["Keys"].get(names.TABLE_KEY, {}).get("S", "")
        created = stream.get("ApproximateCreationDateTime")
        return Change(
            number,
            encodable(str(location)),
            encodable(str(element.get("eventName", ""))),
            float(created) if isinstance(created, int | float) else None,
        )
    except (LookupError, TypeError, AttributeError, OverflowError):
        return None


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
