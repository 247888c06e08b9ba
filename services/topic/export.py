"""Events of the topic as a file to take away: CSV, JSON lines or Parquet. Pure.

All three have the same columns. Times are UTC; temperatures are °F, the chance of precipitation is %. A payload that is
not text is in hexadecimal digits, and `kind` says so.

CSV is for spreadsheets, and those run a cell that begins with = + - @, a tab or a line break as a formula. In the
columns of texts such a cell gets an apostrophe in front, so it is not byte for byte what was published; in
JSON lines and Parquet it is. An apostrophe that was there already stays.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pandas as pd

from core.spreadsheets import harmless
from services.topic.events import PayloadKind, TopicEvent

#: The columns, in their order.
COLUMNS = (
    "received_at",
    "page",
    "sequence",
    "event_type",
    "location",
    "max_temp",
    "min_temp",
    "chance",
    "problem",
    "kind",
    "payload",
)
_Cell = str | int | float | None


def to_csv(events: Iterable[TopicEvent]) -> bytes:
    """CSV (RFC 4180, UTF-8 with a byte order mark, as spreadsheets want it), with a header; safe to open in one."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(cell) for cell in _cells(event)] for event in events)
    return text.getvalue().encode("utf-8-sig")


def to_json_lines(events: Iterable[TopicEvent]) -> bytes:
    """One JSON object a line (UTF-8); what is unknown is null."""
    lines = (json.dumps(dict(zip(COLUMNS, _cells(event), strict=True)), ensure_ascii=False) for event in events)
    return "".join(f"{line}\n" for line in lines).encode()


def to_parquet(events: Sequence[TopicEvent]) -> bytes:
    """A Parquet file; `received_at` is a timestamp in UTC with microseconds, page and sequence are unsigned."""
    rows = [_cells(event) for event in events]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["received_at"] = pd.to_datetime([event.received_at for event in events], unit="s", utc=True).as_unit("us")
    for name in ("page", "sequence"):
        frame[name] = frame[name].astype("uint64")
    for name in ("max_temp", "min_temp", "chance"):
        frame[name] = frame[name].astype("float64")
    for name in ("event_type", "location", "problem", "kind", "payload"):
        frame[name] = frame[name].astype("string")
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def _cells(event: TopicEvent) -> list[_Cell]:
    payload = event.raw if isinstance(event.raw, str) else event.raw.hex()
    kind = "text" if event.kind is PayloadKind.TEXT else "hex"
    return [
        datetime.fromtimestamp(event.received_at, UTC).isoformat(timespec="milliseconds"),
        event.page,
        event.sequence,
        event.event_type,
        event.location,
        event.max_temp,
        event.min_temp,
        event.chance,
        event.problem,
        kind,
        payload,
    ]
