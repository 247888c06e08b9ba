"""The one file that a persistent sandbox is kept in: an SQLite database, readable by its owner only.

Each save is one transaction, so that whoever reads the file after a kill finds the last save whole or not at all.
What only grows (stream records, log events) is kept in pieces, what changes here and there (items, messages) entry by
entry, and only what is new is written.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.private_files import prepare_database, reason, safe_folder
from sandbox.persistence.change import Change, KeptList, Key, ListChange, MapChange, Snapshot

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


#: Elements of a list in one piece, and entries in one statement. Encoding them holds the event loop for a ms or so.
_PIECE = 100

#: SQL and its values.
Statement = tuple[str, tuple[Any, ...]]


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
        try:
            safe_folder(folder)
            if not os.path.lexists(self.path):
                _create(self.path)
            prepare_database(self.path)
        except (OSError, sqlite3.Error) as error:
            raise OSError(f"--persist {folder} cannot be used: {_reason(error)}. Name another folder.") from error
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

    def save(self, change: Iterable[Statement]) -> None:
        """Write one change, all of it or nothing. May run on any thread. Raises OSError."""
        try:
            with self._connection as database:
                for sql, values in change:
                    database.execute(sql, values)
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


def _reason(error: OSError | sqlite3.Error) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)


def _create(path: Path) -> None:
    """An empty snapshot, put in place only when it is complete."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    prepare_database(fresh)
    connection = sqlite3.connect(fresh)
    try:
        connection.executescript(_LAYOUT)
    finally:
        connection.close()
    os.replace(fresh, path)


def statements(change: Change) -> Iterator[Statement]:
    """What writes a change, each encoded only when it is asked for, which takes no more than some ms.

    Raises TypeError for what JSON cannot hold.
    """
    yield from _multiple("INSERT OR REPLACE INTO part VALUES ", list(change.parts.items()))
    for name in change.gone:
        yield from _emptied(name)
        yield "DELETE FROM list WHERE name = ?", (name,)
    for grown in change.lists:
        yield from _grown(grown)
    for changed in change.maps:
        yield from _changed(changed)


def _grown(grown: ListChange) -> Iterator[Statement]:
    if grown.anew:
        yield from _emptied(grown.name)
    yield "INSERT OR REPLACE INTO list VALUES (?, ?)", (grown.name, grown.first)
    # No piece is longer than _PIECE, so one that begins before this has nothing that is still there.
    yield "DELETE FROM piece WHERE list = ? AND position < ?", (grown.name, grown.first - _PIECE + 1)
    for start in range(0, len(grown.elements), _PIECE):
        piece = text_of(grown.elements[start : start + _PIECE])
        yield "INSERT INTO piece VALUES (?, ?, ?)", (grown.name, grown.position + start, piece)


def _changed(changed: MapChange) -> Iterator[Statement]:
    if changed.anew:
        yield from _emptied(changed.name)
    for start in range(0, len(changed.gone), _PIECE):
        keys = [text_of(key) for key in changed.gone[start : start + _PIECE]]
        marks = ", ".join("?" * len(keys))
        yield f"DELETE FROM entry WHERE map = ? AND key IN ({marks})", (changed.name, *keys)
    for start in range(0, len(changed.put), _PIECE):
        rows = [(changed.name, text_of(key), text_of(value)) for key, value in changed.put[start : start + _PIECE]]
        # An entry that is put again keeps its place.
        again = " ON CONFLICT (map, key) DO UPDATE SET value = excluded.value"
        yield from _multiple("INSERT INTO entry (map, key, value) VALUES ", rows, again)


def _multiple(insert: str, rows: Sequence[tuple[Any, ...]], end: str = "") -> Iterator[Statement]:
    """One statement for all rows. One for each would have the writer and the event loop take turns row by row."""
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        yield insert + ", ".join([row] * len(rows)) + end, tuple(value for each in rows for value in each)


def _emptied(name: str) -> Iterator[Statement]:
    yield "DELETE FROM piece WHERE list = ?", (name,)
    yield "DELETE FROM entry WHERE map = ?", (name,)
