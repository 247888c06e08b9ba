"""The one file that a persistent sandbox is kept in: an SQLite database, readable by its owner only.

Each save is one transaction, so that whoever reads the file after a kill finds the last save whole or not at all.
What only grows (stream records, log events) is kept in pieces, what changes here and there (items, messages) entry by
entry, and only what is new is written.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.persistence.change import Change, KeptList, Key, ListChange, Snapshot

FILE_NAME = "sandbox.db"
#: Marks the file as ours ("SBOX"), and says how it is laid out.
APPLICATION_ID = 0x53424F58
FORMAT = 2
#: A sandbox that ends lets go of the file within so many seconds.
_WAIT_FOR_LOCK_S = 2.0

_LAYOUT = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE part (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE list (name TEXT PRIMARY KEY, first INTEGER NOT NULL);
CREATE TABLE piece (list TEXT, position INTEGER, value TEXT NOT NULL, PRIMARY KEY (list, position)) WITHOUT ROWID;
CREATE TABLE entry (place INTEGER PRIMARY KEY, map TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (map, key));
"""
#: An entry that is put again keeps its place.
_PUT = (
    "INSERT INTO entry (map, key, value) VALUES (?, ?, ?) ON CONFLICT (map, key) DO UPDATE SET value = excluded.value"
)


#: Elements of a list in one piece. Encoding a piece keeps the event loop waiting, though it is done by another thread.
_PIECE = 100


def text_of(value: Any) -> str:
    """A value as JSON. Raises TypeError for what JSON cannot hold: better no save than one with a hole in it."""
    return json.dumps(value, separators=(",", ":"))


class SnapshotRefused(OSError):
    """Raised when what a folder holds is not a snapshot that this sandbox can take up. Nothing was changed.

    An OSError, as all that keeps the sandbox from starting is.
    """


class SnapshotFile:
    """The file in `folder`, made if there is none. Raises SnapshotRefused, or OSError when it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        if not self.path.exists():
            _create(self.path)
        try:
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_FOR_LOCK_S, check_same_thread=False)
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be opened: {error}") from error
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def load(self) -> Snapshot | None:
        """What was saved last, None when nothing ever was. Raises SnapshotRefused."""
        ask = self._connection.execute
        try:
            parts = {name: json.loads(value) for name, value in ask("SELECT name, value FROM part")}
            lists = {name: KeptList(first, []) for name, first in ask("SELECT name, first FROM list")}
            for name, position, value in ask("SELECT list, position, value FROM piece ORDER BY list, position"):
                # The oldest piece may hold elements that were taken out since it was written.
                lists[name].elements.extend(json.loads(value)[max(0, lists[name].first - position) :])
            maps: dict[str, dict[Key, Any]] = {}
            for name, key, value in ask("SELECT map, key, value FROM entry ORDER BY place"):
                maps.setdefault(name, {})[tuple(json.loads(key))] = json.loads(value)
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            raise self.refused(f"is damaged ({error})") from error
        return Snapshot(parts, lists, maps) if parts else None

    def save(self, change: Change) -> None:
        """Write one change, all of it or nothing. May run on any thread. Raises OSError, or TypeError for what JSON
        cannot hold."""
        try:
            with self._connection as database:
                _apply(database, change)
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be written: {error}") from error

    def close(self) -> None:
        """Leave one file behind, without SQLite's working files."""
        self._connection.close()

    def refused(self, reason: str) -> SnapshotRefused:
        """The error that says what is wrong with the file, and what to do."""
        return SnapshotRefused(
            f"{self.path} {reason}; nothing was changed. Move it away to start empty, or name another folder."
        )

    def _check(self) -> None:
        """Refuse what is not ours, before anything is written, and keep every other process out from here on."""
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check_kind()
            # A kill of the process loses nothing that was committed; a power cut may lose the last saves, whole ones.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("BEGIN EXCLUSIVE")
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise OSError(f"{self.path} is in use by another sandbox") from error
            raise self.refused(f"is damaged or no snapshot ({error})") from error

    def _check_kind(self) -> None:
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise self.refused("is not a snapshot of a sandbox")
        if version != FORMAT:
            raise self.refused(f"is a snapshot of format {version}; this sandbox reads format {FORMAT}")
        problems = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problems != "ok":
            raise self.refused(f"is damaged ({problems})")


def _create(path: Path) -> None:
    """An empty snapshot, put in place only when it is complete."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(fresh)
    try:
        connection.executescript(_LAYOUT)
    finally:
        connection.close()
    os.replace(fresh, path)


def _apply(database: sqlite3.Connection, change: Change) -> None:
    database.executemany("INSERT OR REPLACE INTO part VALUES (?, ?)", change.parts.items())
    for name in change.gone:
        _empty(database, name)
        database.execute("DELETE FROM list WHERE name = ?", (name,))
    for grown in change.lists:
        if grown.anew:
            _empty(database, grown.name)
        database.execute("INSERT OR REPLACE INTO list VALUES (?, ?)", (grown.name, grown.first))
        # No piece is longer than _PIECE, so one that begins before this has nothing that is still there.
        gone_before = grown.first - _PIECE + 1
        database.execute("DELETE FROM piece WHERE list = ? AND position < ?", (grown.name, gone_before))
        database.executemany("INSERT INTO piece VALUES (?, ?, ?)", _pieces(grown))
    for changed in change.maps:
        if changed.anew:
            _empty(database, changed.name)
        gone = ((changed.name, text_of(key)) for key in changed.gone)
        database.executemany("DELETE FROM entry WHERE map = ? AND key = ?", gone)
        put = ((changed.name, text_of(key), text_of(value)) for key, value in changed.put)
        database.executemany(_PUT, put)


def _empty(database: sqlite3.Connection, name: str) -> None:
    database.execute("DELETE FROM piece WHERE list = ?", (name,))
    database.execute("DELETE FROM entry WHERE map = ?", (name,))


def _pieces(grown: ListChange) -> Iterator[tuple[str, int, str]]:
    for start in range(0, len(grown.elements), _PIECE):
        yield grown.name, grown.position + start, text_of(grown.elements[start : start + _PIECE])
