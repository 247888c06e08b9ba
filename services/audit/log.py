"""The audit log: who changed what, when, why, and what came of it. Entries are only ever added.

It is a log group of the stack's account, so it outlives the dashboard and its machine; in the sandbox the emulator
keeps it. Each act has an intent, written before the first change, and an outcome, with the same `act_id`. An act whose
intent cannot be written is not done. An intent without an outcome tells of an act that was cut off.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from core import names
from core.aws import Aws, translated
from core.errors import DashboardError, NotFound
from core.text import encodable

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

logger = logging.getLogger(__name__)

#: Days that the log keeps entries, set by whoever makes it; a log that is there already keeps its own.
RETENTION_DAYS = 365
#: CloudWatch Logs takes 256 KB in one event; what an entry lists beyond this goes into further entries.
ENTRY_BYTES = 200_000
#: Characters of JSON in one piece of a line that is too long for one entry; a character may take 4 bytes and a
#: backslash before it.
PIECE = 40_000
#: One reading ends after so many entries, or so many characters of them: the newest.
MOST_ENTRIES = 20_000
MOST_BYTES = 64 * 2**20


class Stage(Enum):
    """Which of an act's two entries this is; DETAIL carries more of what the outcome lists."""

    INTENT = "intent"
    DETAIL = "detail"
    OUTCOME = "outcome"


@dataclass(frozen=True)
class Entry:
    """One line of the audit log. `at` is in epoch seconds; `details` are plain values of the act's own."""

    act_id: str
    stage: Stage
    act: str
    who: str
    why: str
    at: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a reading of the log found, newest first; not `complete` when older entries of the window were left out."""

    entries: tuple[Entry, ...]
    complete: bool


class Audit:
    """Writes and reads the log. Every method raises a DashboardError that says what failed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.group = names.audit_log_group(aws.region)
        # One stream per process: two writers of one stream would have to take turns.
        self._stream = f"dashboard/{time.strftime('%Y-%m-%d', time.gmtime())}/{secrets.token_hex(8)}"
        self._made = False
        self._lock = threading.Lock()

    def begin(self, act: str, who: str, why: str, lines: Sequence[Mapping[str, Any]] = (), **summary: Any) -> Act:
        """Writes the intent of an act, such as "Repair dead letters", and returns it. `lines` say what it is about."""
        started = Act(self, secrets.token_hex(8), act, who, why)
        started.note(Stage.INTENT, {"lines": len(lines), **summary})
        started.list(lines)
        return started

    def write(self, entry: Entry) -> None:
        """Adds one entry."""
        line = json.dumps(
            {
                "actId": entry.act_id,
                "stage": entry.stage.value,
                "act": entry.act,
                "who": entry.who,
                "why": entry.why,
                "at": int(entry.at * 1000),
                "details": dict(entry.details),
            },
            ensure_ascii=False,
        )
        event: Any = {"timestamp": int(entry.at * 1000), "message": encodable(line)}
        with self._lock, translated(f"Writing to audit log {self.group}"):
            self._ensure_stream()
            self._aws.patient.logs.put_log_events(
                logGroupName=self.group, logStreamName=self._stream, logEvents=[event]
            )

    @contextmanager
    def acting(self, act: str, who: str, why: str, **summary: Any) -> Iterator[Act]:
        """Runs an act as the block: its intent before it, and its outcome after it, also when it fails."""
        started = self.begin(act, who, why, **summary)
        try:
            yield started
        except DashboardError as error:
            started.end(f"failed: {error}", [])
            raise
        if not started.ended:
            started.end("done", [])

    def entries(self, since: float, until: float | None = None, act: str = "") -> tuple[Entry, ...]:
        """The entries of `read` alone."""
        return self.read(since, until, act).entries

    def read(self, since: float, until: float | None = None, act: str = "") -> Found:
        """The newest entries from `since` to `until` (epoch seconds); of one kind of act if named.

        There are none when nothing was ever written.
        """
        found: list[Entry] = []
        size = 0
        extra: dict[str, Any] = {"filterPattern": f'{{ $.act = "{act}" }}'} if act else {}
        while len(found) < MOST_ENTRIES and size < MOST_BYTES:
            try:
                with translated(f"Reading audit log {self.group}"):
                    page = self._aws.patient.logs.filter_log_events(
                        logGroupName=self.group,
                        startTime=int(since * 1000),
                        endTime=int((time.time() if until is None else until) * 1000) + 1,
                        startFromHead=False,
                        **extra,
                    )
            except NotFound:
                return Found((), complete=True)
            events = page.get("events", [])
            size += sum(len(event["message"]) for event in events)
            found += [entry for entry in map(_parsed, events) if entry]
            extra["nextToken"] = page.get("nextToken", "")
            if not extra["nextToken"]:
                return Found(_newest_first(found), complete=True)
        return Found(_newest_first(found), complete=False)

    def _ensure_stream(self) -> None:
        if self._made:
            return
        logs = self._aws.patient.logs
        if _create(lambda: logs.create_log_group(logGroupName=self.group)):
            self._set_retention()
        _create(lambda: logs.create_log_stream(logGroupName=self.group, logStreamName=self._stream))
        self._made = True

    def _set_retention(self) -> None:
        try:
            self._aws.patient.logs.put_retention_policy(logGroupName=self.group, retentionInDays=RETENTION_DAYS)
        except ClientError as error:
            # A log that is kept for too long is no reason to leave an act undone.
            logger.warning("audit log %s keeps its entries for ever: %s", self.group, error)


class Act:
    """One act under way: its outcome, in as many entries as it takes, goes to the log with its id."""

    def __init__(self, audit: Audit, act_id: str, act: str, who: str, why: str) -> None:
        self._audit = audit
        self.id = act_id
        self._act, self._who, self._why = act, who, why
        self.ended = False

    def note(self, stage: Stage, details: Mapping[str, Any]) -> None:
        """Adds an entry of this act."""
        self._audit.write(Entry(self.id, stage, self._act, self._who, self._why, time.time(), details))

    def list(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Adds one line for each message or key, in as many entries as needed."""
        for part in _parts(lines):
            self.note(Stage.DETAIL, {"lines": part})

    def end(self, outcome: str, lines: Sequence[Mapping[str, Any]], **summary: Any) -> None:
        """Writes what came of the act: a line for each message or key, and the summary."""
        self.list(lines)
        self.note(Stage.OUTCOME, {"outcome": outcome, "lines": len(lines), **summary})
        self.ended = True


def _newest_first(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.at, reverse=True))


def _create(create: Callable[[], object]) -> bool:
    """Whether it was not there yet."""
    try:
        create()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
            raise
        return False
    return True


def _parts(lines: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """The lines in groups that each fit into one entry; a line that fits into none comes in pieces."""
    parts: list[list[dict[str, Any]]] = []
    room = 0
    for line in lines:
        for piece, size in _pieces(dict(line)):
            if not parts or size > room:
                parts.append([])
                room = ENTRY_BYTES
            parts[-1].append(piece)
            room -= size
    return parts


def _pieces(line: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """The line, or pieces of its JSON, each with its size in bytes."""
    text = json.dumps(line)
    if len(text) <= ENTRY_BYTES:
        yield line, len(text)
        return
    text = json.dumps(line, ensure_ascii=False)
    line_id, count = secrets.token_hex(4), -(-len(text) // PIECE)
    for number in range(count):
        piece = {"piece_of": line_id, "piece": number, "pieces": count, "json": text[number * PIECE :][:PIECE]}
        yield piece, len(json.dumps(piece))


def whole_lines(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What the entries of an act list, in the order in which it was written; pieces are put together again."""
    found: list[dict[str, Any]] = []
    pieces: dict[str, dict[int, str]] = {}
    for entry in sorted(entries, key=lambda entry: entry.at):
        lines = entry.details.get("lines")
        for line in lines if isinstance(lines, list) else ():
            if not isinstance(line, dict):
                continue
            if "piece_of" not in line:
                found.append(line)
                continue
            known = pieces.setdefault(str(line["piece_of"]), {})
            known[int(line["piece"])] = str(line["json"])
            if len(known) == line["pieces"]:
                found.append(json.loads("".join(known[number] for number in sorted(known))))
    return found


def _parsed(event: FilteredLogEventTypeDef) -> Entry | None:
    """An event as an entry; None for what somebody else wrote into the group."""
    try:
        content = json.loads(event["message"])
        return Entry(
            str(content["actId"]),
            Stage(content["stage"]),
            str(content["act"]),
            str(content["who"]),
            str(content["why"]),
            int(content["at"]) / 1000,
            dict(content["details"]),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
