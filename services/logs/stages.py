"""One execution in detail: its stages with their times, and what went in and out of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.logs.executions import LogRecord

#: How the message types of a stage begin -> what people call it, in the order of the way.
_STAGES = {
    "Execution": "Execution",
    "EnrichmentStage": "Enrichment stage",
    "EnrichmentTransformation": "Enrichment transformation",
    "EnrichmentInvocation": "Enrichment call",
    "TargetStage": "Target stage",
    "TargetTransformation": "Target transformation",
    "TargetInvocation": "Target call",
}
_TYPE = re.compile(
    rf"({'|'.join(sorted(_STAGES, key=len, reverse=True))})"
    "(Started|Entered|Succeeded|Failed|PartiallyFailed|Throttled|Timeout|Skipped)"
)
_OPENING = frozenset({"Started", "Entered"})


@dataclass(frozen=True)
class Stage:
    """One stage of an execution, in epoch milliseconds; a start or an end that the log does not tell of is None.

    `result` is the last word of the message type that ended it, such as `Failed`, or empty while it lasts.
    """

    name: str
    started_ms: int | None
    ended_ms: int | None
    result: str = ""

    @property
    def duration_ms(self) -> int | None:
        """How long it took, as far as the log tells."""
        if self.started_ms is None or self.ended_ms is None:
            return None
        return self.ended_ms - self.started_ms


@dataclass(frozen=True)
class Data:
    """A field with execution data: its text, whether it was cut, and why there is none where there is none."""

    text: str = ""
    truncated: bool = False
    absence: str = ""


def stages(records: Iterable[LogRecord]) -> tuple[Stage, ...]:
    """The stages in the order in which they began. A stage that was tried again is there once for each try."""
    found: list[Stage] = []
    open_at: dict[str, list[int]] = {}
    for record in sorted(records, key=lambda record: record.time_ms):
        match = _TYPE.fullmatch(record.message_type)
        if match is None:
            continue
        name, word = _STAGES[match[1]], match[2]
        waiting = open_at.setdefault(name, [])
        if word in _OPENING:
            waiting.append(len(found))
            found.append(Stage(name, record.time_ms, None))
        elif waiting:
            place = waiting.pop()
            found[place] = Stage(name, found[place].started_ms, record.time_ms, word)
        else:
            found.append(Stage(name, None, record.time_ms, word))
    order = list(_STAGES.values())
    return tuple(sorted(found, key=lambda stage: (_begin(stage), order.index(stage.name))))


def _begin(stage: Stage) -> int:
    return stage.started_ms if stage.started_ms is not None else stage.ended_ms or 0


def payload(records: Sequence[LogRecord]) -> Data:
    """The stream records that the execution began with."""
    found = [record for record in records if record.message_type == "ExecutionStarted"]
    if not found:
        return Data(absence="The log has no ExecutionStarted of it: Pipes writes that at the levels INFO and TRACE.")
    return _data(found[-1], found[-1].payload, "payload")


def sent(records: Sequence[LogRecord]) -> Data:
    """What the input template made of them for the target."""
    found = [record for record in records if record.message_type == "TargetTransformationSucceeded"]
    if not found:
        return Data(absence="Pipes writes what the input template made of it at the level TRACE.")
    return _data(found[-1], found[-1].payload, "payload")


def request(records: Sequence[LogRecord]) -> Data:
    """The latest request to the target."""
    return _of_call(records, "awsRequest")


def response(records: Sequence[LogRecord]) -> Data:
    """The target's latest answer."""
    return _of_call(records, "awsResponse")


def _of_call(records: Sequence[LogRecord], field: str) -> Data:
    calls = [
        record
        for record in records
        if record.message_type.startswith("TargetInvocation") and not record.message_type.endswith("Started")
    ]
    if not calls:
        return Data(absence="Pipes writes the request and the answer of a call that succeeded at the level TRACE only.")
    record = calls[-1]
    return _data(record, record.request if field == "awsRequest" else record.response, field)


def _data(record: LogRecord, text: str, field: str) -> Data:
    truncated = field in record.truncated
    if text:
        return Data(text, truncated)
    if truncated:
        return Data(absence="Pipes cut all of it: a record has at most 256 KB.")
    return Data(absence="The record has none: the pipe's log leaves execution data out, or there was nothing.")
