"""What people keep of dead letters beyond the queue and the stream: records, and notes on causes. In the audit log.

Both are acts of the audit log, so every dashboard of the account reads them, and they outlive its processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from core.errors import DashboardError, InvalidInput
from services.audit.log import Audit, Entry, Stage, whole_lines
from services.dead_letters.stream_records import Hydrated, Recovery, StreamRecord
from services.jobs.cached_read import Shared

SAVED = "Save records of dead letters"
NOTED = "Note on dead letters"
#: SQS keeps a message for at most 14 days; what was kept for older ones serves nobody.
KEPT_S = 14 * 86_400
#: The longest note, in characters.
LONGEST_NOTE = 2_000


@dataclass(frozen=True)
class Note:
    """What somebody wrote about a group of dead letters; `at` in epoch seconds."""

    group: str
    text: str
    who: str
    at: float


@dataclass(frozen=True)
class Kept:
    """Saved records by message id, and notes by group, the newest first; `problem` when it could not be read."""

    records: Mapping[str, Hydrated] = field(default_factory=dict)
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    problem: str = ""


class Memory:
    """Keeps and gives back. Reads the audit log at most once in `lifetime_s`, for all viewers."""

    def __init__(self, audit: Callable[[], Audit], lifetime_s: float = 30.0) -> None:
        self._audit = audit
        self._shared: Shared[Kept] = Shared(self._read, lifetime_s)

    def kept(self) -> Kept:
        """What is kept. Never raises a DashboardError."""
        try:
            return self._shared.get().value
        except DashboardError as error:
            return Kept(problem=str(error))

    def save(self, who: str, why: str, found: Mapping[str, Hydrated]) -> int:
        """Saves the records that were found, by message id. Returns of how many messages. Raises DashboardError."""
        lines = [
            {"message": message_id, "records": [_line(record) for record in hydrated.records]}
            for message_id, hydrated in found.items()
            if hydrated.records
        ]
        if not lines:
            raise InvalidInput("records", "None of these messages has a record that could be saved.")
        with self._audit().acting(SAVED, who, why, messages=len(lines)) as act:
            act.end(f"{len(lines):,} saved", lines)
        self._shared.forget()
        return len(lines)

    def note(self, who: str, group: str, text: str) -> None:
        """Writes a note on a group. Raises InvalidInput for an empty or long one, and DashboardErrors."""
        if not text.strip() or len(text) > LONGEST_NOTE:
            raise InvalidInput("note", f"A note has 1 to {LONGEST_NOTE:,} characters.")
        with self._audit().acting(NOTED, who, text.strip(), group=group):
            pass
        self._shared.forget()

    def _read(self) -> Kept:
        since = time.time() - KEPT_S
        audit = self._audit()
        return Kept(_records(audit.entries(since, act=SAVED)), _notes(audit.entries(since, act=NOTED)))


def _notes(entries: Iterable[Entry]) -> dict[str, tuple[Note, ...]]:
    found: dict[str, tuple[Note, ...]] = {}
    for entry in entries:
        if entry.stage is Stage.INTENT:
            group = str(entry.details.get("group", ""))
            found[group] = (*found.get(group, ()), Note(group, entry.why, entry.who, entry.at))
    return found


def _records(entries: Iterable[Entry]) -> dict[str, Hydrated]:
    found = {}
    for line in whole_lines(entries):
        records = tuple(_record(each) for each in line.get("records", ()) if isinstance(each, dict))
        if records:
            found[str(line.get("message", ""))] = Hydrated(Recovery.SAVED, records)
    return found


def _line(record: StreamRecord) -> dict[str, Any]:
    created = record.created_at.isoformat() if record.created_at else ""
    return asdict(record) | {"created_at": created}


def _record(line: Mapping[str, Any]) -> StreamRecord:
    try:
        created: datetime | None = datetime.fromisoformat(str(line.get("created_at", "")))
    except ValueError:
        created = None
    return StreamRecord(
        str(line.get("sequence_number", "")),
        str(line.get("event_name", "")),
        str(line.get("location", "")),
        created,
        _image(line.get("old")),
        _image(line.get("new")),
    )


def _image(image: object) -> dict[str, str] | None:
    return {str(name): str(text) for name, text in image.items()} if isinstance(image, dict) else None
