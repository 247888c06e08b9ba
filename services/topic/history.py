"""The topic's messages in a file, so that a restart of the dashboard does not empty its pages.

One SQLite file, readable by its owner alone, appended to by a thread of its own in batches. The feed never waits for it
and never fails with it: while the disk refuses, messages wait in a bounded queue, then they are left out and counted.
The file is bounded too, by the age of its messages and by their size.

A message is known by its source and by Momento's page and sequence number, so nothing is stored twice, whoever
writes. A source is one Momento: each run of the sandbox is another one, of the same family. What the family stored is
shown again; only a run that still goes on is resumed.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.mishaps import Net
from core.private_files import prepare_database, reason, safe_folder
from services.topic.events import TopicEvent, parse_event

logger = logging.getLogger(__name__)

#: What the file may hold: messages of so many seconds, and so many bytes.
MAX_AGE_S, MAX_BYTES = 86_400.0, 100_000_000
#: What may wait for the disk.
_QUEUED_EVENTS, _QUEUED_BYTES = 20_000, 16_000_000
#: Momento's numbers may be larger; none that it gives is.
_LARGEST_INTEGER = 2**63 - 1
#: Seconds between two batches, between two attempts on a failing disk, and between two looks for what is too old.
_BATCH_S, _RETRY_S, _TRIM_S = 0.5, 5.0, 60.0
#: Seconds that `close` waits for the last batch.
_CLOSE_WITHIN_S = 1.0
_SCHEMA_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sources (
    id INTEGER PRIMARY KEY, family TEXT NOT NULL, run TEXT NOT NULL, UNIQUE (family, run));
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, page INTEGER NOT NULL, sequence INTEGER NOT NULL,
    received_at REAL NOT NULL, raw NOT NULL, UNIQUE (source, page, sequence));
PRAGMA user_version = {_SCHEMA_VERSION};
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A Momento that messages come from: its `family`, whose messages belong on one page, and the one `run` of it."""

    family: str
    run: str


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """How the file is doing: messages `stored` since the start, those `left_out`, and the `problem`, "" for none."""

    path: Path
    stored: int = 0
    left_out: int = 0
    problem: str = ""


class TopicHistory:
    """The messages of one source, appended to the file at `path` from `start` to `close`. Safe for all threads."""

    def __init__(self, path: Path, source: Source, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> None:
        self._path = path
        self._source = source
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._waiting: deque[TopicEvent] = deque()
        self._waiting_bytes = 0
        self._stored = 0
        self._left_out = 0
        self._problem = ""
        self._mishaps: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write, in the background."""
        self._thread = threading.Thread(target=self._write_on, name="topic-history", daemon=True)
        self._thread.start()

    def append(self, event: TopicEvent) -> None:
        """Have a message stored soon. Never waits and never raises."""
        size = sys.getsizeof(event.raw)
        with self._lock:
            full = len(self._waiting) >= _QUEUED_EVENTS or self._waiting_bytes + size > _QUEUED_BYTES
            if full or max(event.page, event.sequence) > _LARGEST_INTEGER:
                self._left_out += 1
                return
            self._waiting.append(event)
            self._waiting_bytes += size

    def status(self) -> HistoryStatus:
        """How the file is doing."""
        with self._lock:
            return HistoryStatus(self._path, self._stored, self._left_out, self._problem)

    def close(self) -> None:
        """Store what waits and end; within 1 s, so a disk that hangs loses what waits."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_WITHIN_S)

    def load(self, limit: int) -> Generator[TopicEvent]:
        """The newest `limit` messages of the source's family, oldest first; none when the file cannot be read.

        A message from the future, as after a clock was set back, counts as received now.
        """
        try:
            with closing(self._open()) as file:
                now = time.time()
                oldest = now - self._max_age_s
                for sequence, page, received_at, raw in file.execute(
                    "SELECT sequence, page, received_at, raw FROM (SELECT events.* FROM events"
                    " JOIN sources ON sources.id = source WHERE family = ? AND received_at >= ?"
                    " ORDER BY events.id DESC LIMIT ?) ORDER BY id",
                    (self._source.family, oldest, limit),
                ):
                    yield parse_event(raw, sequence, page, min(received_at, now))
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def resume_point(self) -> tuple[int, int] | None:
        """Sequence number and page of the newest message of this very run, or None."""
        try:
            with closing(self._open()) as file:
                source = _source_id(file, self._source)
                sequence, page = file.execute(
                    "SELECT max(sequence), page FROM events WHERE source = ?1 AND page ="
                    " (SELECT page FROM events WHERE source = ?1 ORDER BY id DESC LIMIT 1)",
                    (source,),
                ).fetchone()
                return (sequence, page) if sequence is not None else None
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return None

    def _write_on(self) -> None:
        """Write batches until told to stop; after a failure with the file opened anew, and once more when stopping."""
        while True:
            with Net(logger, "Storing the topic's messages", self._mishaps) as net:
                try:
                    with closing(self._open()) as file:
                        self._write_batches(file)
                    return
                except (sqlite3.Error, OSError) as error:
                    self._failed(error)
            if net.error is not None:
                self._failed(net.error)
            if self._stop.is_set():
                return
            self._stop.wait(_RETRY_S)

    def _write_batches(self, file: sqlite3.Connection) -> None:
        source = _source_id(file, self._source)
        trim_at = 0.0
        stopping = False
        while not stopping:
            stopping = self._stop.wait(_BATCH_S)
            if time.monotonic() >= trim_at:
                _drop_older(file, time.time() - self._max_age_s)
                trim_at = time.monotonic() + _TRIM_S
            self._write_batch(file, source)

    def _write_batch(self, file: sqlite3.Connection, source: int) -> None:
        """Store what waits, in one transaction. What cannot be stored goes on waiting."""
        with self._lock:
            batch = tuple(self._waiting)
        if not batch:
            return
        with file:
            file.executemany(
                "INSERT OR IGNORE INTO events (source, page, sequence, received_at, raw) VALUES (?, ?, ?, ?, ?)",
                ((source, event.page, event.sequence, event.received_at, event.raw) for event in batch),
            )
        with self._lock:
            for _ in batch:
                self._waiting_bytes -= sys.getsizeof(self._waiting.popleft().raw)
            self._stored += len(batch)
            self._problem = ""
        while _used_bytes(file) > self._max_bytes and _drop_oldest_tenth(file):
            pass

    def _open(self) -> sqlite3.Connection:
        """The file, made if need be. Raises OSError or sqlite3.Error."""
        safe_folder(self._path.parent)
        # SQLite would make it readable for all; its companions take the mode of the file itself.
        prepare_database(self._path)
        file = sqlite3.connect(self._path, timeout=5)
        try:
            # One thread at a time: a file that another connection has open cannot become WAL, however long it waits.
            with self._opening:
                self._make_ready(file)
        except sqlite3.Error:
            file.close()
            raise
        return file

    def _make_ready(self, file: sqlite3.Connection) -> None:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version not in (0, _SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"its version is {version}, and this dashboard knows {_SCHEMA_VERSION}")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("PRAGMA journal_size_limit = 4000000")
        file.executescript(_SCHEMA)

    def _failed(self, error: Exception) -> None:
        why = reason(error) if isinstance(error, OSError) else str(error)
        with self._lock:
            self._problem = (
                f"The history {self._path} cannot be used: {why}. Make room or move the file away; it is tried "
                f"again each {_RETRY_S:g} s. The feed goes on without it."
            )


def _source_id(file: sqlite3.Connection, source: Source) -> int:
    with file:
        file.execute("INSERT OR IGNORE INTO sources (family, run) VALUES (?, ?)", (source.family, source.run))
    row: tuple[int] = file.execute(
        "SELECT id FROM sources WHERE family = ? AND run = ?", (source.family, source.run)
    ).fetchone()
    return row[0]


def _drop_older(file: sqlite3.Connection, oldest: float) -> None:
    """Remove the messages before the first one that is young enough."""
    first_kept = file.execute("SELECT id FROM events WHERE received_at >= ? ORDER BY id LIMIT 1", (oldest,)).fetchone()
    with file:
        if first_kept is None:
            file.execute("DELETE FROM events")
        else:
            file.execute("DELETE FROM events WHERE id < ?", first_kept)


def _drop_oldest_tenth(file: sqlite3.Connection) -> bool:
    """Remove the oldest tenth of the messages, at least one. False when there is none."""
    first, last = file.execute("SELECT min(id), max(id) FROM events").fetchone()
    if first is None:
        return False
    with file:
        file.execute("DELETE FROM events WHERE id <= ?", (first + (last - first) // 10,))
    return True


def _used_bytes(file: sqlite3.Connection) -> int:
    """What the file holds. Removed messages leave room in it that the next ones take."""
    pages, free, size = (
        file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
