"""The log store's database: its tables, one connection for all threads, and answers that many viewers share.

SQLite's private temporary database is a file with mode 0600 that has no name, so it is gone with the process however
that ends. In memory is a page cache of fixed size.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.errors import ServiceFailed

#: Answers kept until something new arrives.
_ANSWERS = 100

Row = tuple[Any, ...]

#: `at_ms` is CloudWatch's time of an event, or of an execution's newest; all other times are the records' own.
#: `types` and `levels` are lists such as `,ExecutionFailed,ExecutionStarted,`.
SCHEMA = """
PRAGMA temp_store = FILE;
PRAGMA cache_size = -16384;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,
    readable INTEGER NOT NULL,
    pipe TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    message_type TEXT NOT NULL,
    level TEXT NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX records_by_time ON records (at_ms);
CREATE INDEX records_by_execution ON records (execution_id);
CREATE TABLE lines (id INTEGER PRIMARY KEY, raw TEXT NOT NULL);
CREATE TABLE executions (
    execution_id TEXT PRIMARY KEY,
    pipe TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    location TEXT NOT NULL,
    event_name TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER,
    sequence_number TEXT NOT NULL,
    batch INTEGER NOT NULL,
    error_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    types TEXT NOT NULL,
    levels TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE INDEX executions_by_start ON executions (started_ms);
CREATE INDEX executions_by_end ON executions (last_ms);
CREATE INDEX executions_by_age ON executions (at_ms);
CREATE TABLE changes (execution_id TEXT NOT NULL, sequence_number TEXT NOT NULL, location TEXT NOT NULL);
CREATE INDEX changes_by_execution ON changes (execution_id);
CREATE INDEX changes_by_location ON changes (location);
CREATE INDEX changes_by_number ON changes (sequence_number);
"""


class LogDatabase:
    """Rows in and out. Safe to share between threads. Raises ServiceFailed when SQLite cannot go on."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        with self._exclusive():
            self._connection.executescript(SCHEMA)
        self._answers: OrderedDict[tuple[str, Row], list[Row]] = OrderedDict()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of an answer."""
        with self._exclusive():
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row:
        """The only row of an answer."""
        (row,) = self.rows(sql, values)
        return row

    def answer(self, sql: str, values: Row = ()) -> list[Row]:
        """All rows, asked for once until the next change, however many viewers ask."""
        with self._exclusive():
            key = (sql, values)
            if key not in self._answers:
                self._answers[key] = self.rows(sql, values)
                if len(self._answers) > _ANSWERS:
                    self._answers.popitem(last=False)
            return self._answers[key]

    def change(self, sql: str, *values: Any) -> None:
        """One statement of a change."""
        self._connection.execute(sql, values)

    def change_many(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for each row."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A transaction: what fails in the middle leaves the tables as they were."""
        with self._exclusive():
            before = self._connection.total_changes
            self._connection.execute("BEGIN")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            if self._connection.total_changes != before:
                self._answers.clear()

    def close(self) -> None:
        """Lets go of everything."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise ServiceFailed(
                    f"The log records that were read cannot be kept or searched: {error}.",
                    f"Make room in the temporary folder {_temporary_folder()}, or name another one in TMPDIR and start "
                    "the dashboard again.",
                ) from error


def _temporary_folder() -> str:
    """The folder that SQLite takes for its temporary files: the first of these that it can write in."""
    named = [os.environ.get(name, "") for name in ("SQLITE_TMPDIR", "TMPDIR")]
    folders = [folder for folder in (*named, "/var/tmp", "/usr/tmp", "/tmp") if folder]
    return next((each for each in folders if os.path.isdir(each) and os.access(each, os.W_OK | os.X_OK)), ".")


def marks(number: int) -> str:
    """So many question marks for values."""
    return ", ".join("?" * number)
