"""What the page Logs gives away as a file: executions as CSV, records as JSON lines. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime

from core.spreadsheets import harmless
from services.logs.executions import Execution, LogRecord, Outcome

#: Rows of a file: what matches beyond them is left out, the newest stay.
MOST_ROWS = 10_000


def executions_csv(found: Iterable[Execution]) -> str:
    """A line for each execution, with a header; times in UTC. No cell is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = [field.name for field in fields(Execution) if field.name != "error_ms"]
    writer.writerow(["started", "ended", "duration_ms", *columns])
    for one in found:
        values = [getattr(one, name) for name in columns]
        writer.writerow([_utc(one.started_ms), _utc(one.last_ms), one.duration_ms, *map(_cell, values)])
    return text.getvalue()


def records_jsonl(found: Iterable[LogRecord]) -> str:
    """The lines as they came, one to a line; a line break inside one becomes a space."""
    return "".join(f"{record.raw.replace(chr(10), ' ').replace(chr(13), ' ')}\n" for record in found)


def _utc(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _cell(value: object) -> object:
    if isinstance(value, Outcome):
        return value.value
    return harmless(value)
