"""What a page asks of the log store, and the SQL that answers it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.logs.executions import Outcome

#: The value of `message_type` that asks for lines that are no record of a pipe.
FOREIGN = "not a pipe's record"

#: What pipes write, in the order in which an execution writes it (facts/aws-pipes.md, section 1.3).
MESSAGE_TYPES = (
    *("ExecutionStarted", "ExecutionSucceeded", "ExecutionFailed"),
    *("ExecutionPartiallyFailed", "ExecutionThrottled", "ExecutionTimeout"),
    *("EnrichmentStageEntered", "EnrichmentStageSucceeded", "EnrichmentStageFailed"),
    *("EnrichmentTransformationStarted", "EnrichmentTransformationSucceeded", "EnrichmentTransformationFailed"),
    *("EnrichmentInvocationStarted", "EnrichmentInvocationSucceeded"),
    *("EnrichmentInvocationFailed", "EnrichmentInvocationSkipped"),
    *("TargetStageEntered", "TargetStageSucceeded", "TargetStageFailed"),
    *("TargetStagePartiallyFailed", "TargetStageSkipped"),
    *("TargetTransformationStarted", "TargetTransformationSucceeded", "TargetTransformationFailed"),
    *("TargetInvocationStarted", "TargetInvocationSucceeded", "TargetInvocationFailed"),
    *("TargetInvocationPartiallyFailed", "TargetInvocationSkipped"),
    FOREIGN,
)
LEVELS = ("ERROR", "INFO", "TRACE")


@dataclass(frozen=True)
class LogQuery:
    """Which executions or records. Empty fields ask for all; times are epoch ms, both inclusive.

    `text` is found anywhere in a line, without regard to the case of ASCII letters; a sequence number or an
    execution id finds its execution.
    """

    since_ms: int = 0
    until_ms: int | None = None
    pipe: str = ""
    outcome: Outcome | None = None
    level: str = ""
    message_type: str = ""
    location: str = ""
    text: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Condition:
    """What follows WHERE, and the values of its question marks."""

    sql: str
    values: tuple[Any, ...]


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEQUENCE_NUMBER = re.compile(r"\d{15,40}")


def of_executions(query: LogQuery) -> Condition:
    """The condition on the table `executions`."""
    parts: list[tuple[str, tuple[Any, ...]]] = [("last_ms >= ?", (query.since_ms,))]
    if query.until_ms is not None:
        parts.append(("started_ms <= ?", (query.until_ms,)))
    parts += _of_execution(query)
    if query.level:
        parts.append(("instr(levels, ?)", (f",{query.level},",)))
    if query.message_type:
        parts.append(("instr(types, ?)", (f",{query.message_type},",)))
    if query.text:
        parts.append(_execution_text(query))
    return _joined(parts)


def of_records(query: LogQuery) -> Condition:
    """The condition on the table `records`, joined with `lines`."""
    parts: list[tuple[str, tuple[Any, ...]]] = [("at_ms >= ?", (query.since_ms,))]
    if query.until_ms is not None:
        parts.append(("at_ms <= ?", (query.until_ms,)))
    if query.pipe:
        parts.append(("pipe = ?", (query.pipe,)))
    if query.level:
        parts.append(("level = ?", (query.level,)))
    if query.message_type == FOREIGN:
        parts.append(("NOT readable", ()))
    elif query.message_type:
        parts.append(("message_type = ?", (query.message_type,)))
    of_execution = _of_execution(query, without_pipe=True)
    if of_execution:
        inner = _joined(of_execution)
        parts.append((f"execution_id IN (SELECT execution_id FROM executions WHERE {inner.sql})", inner.values))
    if query.text:
        parts.append(("id IN (SELECT id FROM lines WHERE raw LIKE ? ESCAPE '\\')", (_pattern(query.text),)))
    return _joined(parts)


def _of_execution(query: LogQuery, *, without_pipe: bool = False) -> list[tuple[str, tuple[Any, ...]]]:
    parts: list[tuple[str, tuple[Any, ...]]] = []
    if query.pipe and not without_pipe:
        parts.append(("pipe = ?", (query.pipe,)))
    if query.outcome is not None:
        parts.append(("outcome = ?", (query.outcome.value,)))
    if query.signature:
        parts.append(("signature = ?", (query.signature,)))
    if query.location:
        parts.append(
            ("execution_id IN (SELECT execution_id FROM changes WHERE location = ?)", (query.location,)),
        )
    return parts


def _execution_text(query: LogQuery) -> tuple[str, tuple[Any, ...]]:
    text = query.text.strip()
    if _UUID.fullmatch(text.lower()):
        return "execution_id = ?", (text,)
    if _SEQUENCE_NUMBER.fullmatch(text):
        return "execution_id IN (SELECT execution_id FROM changes WHERE sequence_number = ?)", (text,)
    pattern = _pattern(query.text)
    return (
        "(location LIKE ? ESCAPE '\\' OR error LIKE ? ESCAPE '\\' OR execution_id IN ("
        "SELECT records.execution_id FROM records JOIN lines ON lines.id = records.id "
        "WHERE records.at_ms >= ? AND lines.raw LIKE ? ESCAPE '\\'))",
        (pattern, pattern, query.since_ms, pattern),
    )


def _pattern(text: str) -> str:
    """What LIKE looks for; its own signs in the text stand for themselves."""
    plain = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _joined(parts: Sequence[tuple[str, tuple[Any, ...]]]) -> Condition:
    return Condition(" AND ".join(sql for sql, _ in parts), tuple(value for _, values in parts for value in values))
