"""Dead letters as a file to take away: JSON lines with everything that is known, or CSV for spreadsheets. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from core.spreadsheets import harmless
from services.dead_letters.message import DeadLetter
from services.dead_letters.repair_status import Case
from services.dead_letters.results import Result

COLUMNS = (
    *("message_id", "sent_at", "pipe", "condition", "cause", "cause_found", "standing", "why", "event", "location"),
    *("batch_size", "shard_id", "first_sequence_number", "last_sequence_number", "receive_count", "body"),
)


def described(case: Case) -> dict[str, Any]:
    """A case as plain values, with its record, its cause, and both sides of its keys."""
    keys = [
        {"location": key.location, "item": key.item, "cached": _text(key.cached), "step": key.step.value}
        for key in case.keys
    ]
    cause = asdict(case.cause) | {"join": case.cause.join.value}
    records = [asdict(record) for record in case.hydrated.records]
    return described_letter(case.letter) | {
        "standing": case.standing.value,
        "why": case.why,
        "cause": cause,
        "keys": keys,
        "recovery": case.hydrated.recovery.value,
        "records": records,
    }


def described_letter(letter: DeadLetter) -> dict[str, Any]:
    """A letter as plain values."""
    return asdict(letter) | {"sent_at": letter.sent_at.isoformat()}


def to_json_lines(cases: Iterable[Case]) -> bytes:
    """One case a line (UTF-8)."""
    return b"".join(_line(described(case)) for case in cases)


def to_csv(cases: Iterable[Case]) -> bytes:
    """CSV (UTF-8 with a byte order mark) with a header; no cell is a formula to a spreadsheet."""
    return _csv(COLUMNS, (_cells(case) for case in cases))


def results_csv(results: Iterable[Result]) -> bytes:
    """What became of each message, as CSV like the above."""
    rows = ((each.message_id, each.fate.value, ", ".join(each.locations), each.why) for each in results)
    return _csv(("message_id", "fate", "location", "why"), rows)


def results_json_lines(results: Iterable[Result]) -> bytes:
    """What became of each message, one a line (UTF-8)."""
    return b"".join(_line(each.line()) for each in results)


def _line(content: dict[str, Any]) -> bytes:
    return f"{json.dumps(content, ensure_ascii=False, default=str)}\n".encode("utf-8", "replace")


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def _cells(case: Case) -> tuple[object, ...]:
    letter = case.letter
    return (
        letter.message_id,
        letter.sent_at.isoformat(timespec="milliseconds"),
        letter.pipe,
        letter.condition or letter.problem,
        case.cause.words,
        case.cause.join.value,
        case.standing.value,
        case.why,
        ", ".join(case.event_names),
        ", ".join(case.locations),
        letter.batch_size,
        letter.shard_id,
        letter.first_sequence_number,
        letter.last_sequence_number,
        letter.receive_count,
        letter.body,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
