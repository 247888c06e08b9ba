"""One pipe's part of the way of a change, from an execution and its log records. Pure.

An execution of a batch is the leg of its first stream record; the stack's pipes take one record at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.logs.executions import Execution, LogRecord, Outcome

#: What tells that the target is called; the second one only at log level TRACE.
_CALLS = frozenset({"TargetStageEntered", "TargetInvocationStarted"})
#: The numbers of an image that tell two changes of a location apart.
_NUMBERS = ("MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL")


@dataclass(frozen=True, slots=True)
class Leg:
    """One execution as a part of a way. Times in epoch milliseconds, but `created_s`, DynamoDB's whole second.

    `image` is the mark of the new image, and `target_ms` when the target was called; 0 where the log does not tell.
    """

    execution_id: str
    pipe: str
    started_ms: int
    last_ms: int
    outcome: Outcome
    location: str = ""
    event_name: str = ""
    sequence_number: str = ""
    error: str = ""
    attempts: int = 0
    created_s: int = 0
    image: int = 0
    target_ms: int = 0


def leg(execution: Execution, records: Sequence[LogRecord]) -> Leg:
    """The leg that an execution is, with what its records tell beyond it."""
    created = [change.created_s for record in records for change in record.changes if change.created_s is not None]
    called = [record.time_ms for record in records if record.message_type in _CALLS]
    payload = next((record.payload for record in records if record.message_type == "ExecutionStarted"), "")
    return Leg(
        execution.execution_id,
        execution.pipe,
        execution.started_ms,
        execution.last_ms,
        execution.outcome,
        execution.location,
        execution.event_name,
        execution.sequence_number,
        execution.error,
        execution.attempts,
        created_s=int(min(created, default=0)),
        image=_image_in(payload),
        target_ms=min(called, default=0),
    )


def image_mark(item: Any) -> int:
    """A number that two images share when their weather is equal; 0 for what is no such image."""
    try:
        numbers = [Decimal(item[name]["N"]) for name in _NUMBERS if name in item]
        return hash(tuple(numbers)) if numbers else 0
    except (TypeError, LookupError, ValueError, ArithmeticError):
        return 0


def _image_in(payload: str) -> int:
    """The mark of the first new image in a payload; 0 when it was cut, or is no stream record."""
    try:
        content: Any = json.loads(payload)
        first = content[0] if isinstance(content, list) else content
        return image_mark(first["dynamodb"].get("NewImage"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return 0
