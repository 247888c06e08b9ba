"""The file of a kept sandbox: whole saves, only what changed, and nothing foreign."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.persistence.differences import Differences
from sandbox.persistence.snapshot_file import FORMAT, Change, Snapshot, SnapshotFile, SnapshotRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def file(folder: Path) -> Iterator[SnapshotFile]:
    file = SnapshotFile(folder)
    yield file
    file.close()


def saved(folder: Path) -> Snapshot | None:
    """What a sandbox that starts now would find."""
    file = SnapshotFile(folder)
    try:
        return file.load()
    finally:
        file.close()


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_new_file_is_empty_and_private(file: SnapshotFile, folder: Path) -> None:
    assert file.load() is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for each in folder.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each


def test_what_was_saved_in_steps_is_loaded_as_it_was_at_the_end(folder: Path) -> None:
    file, differences = SnapshotFile(folder), Differences()
    growing: list[Any] = [{"n": 1}, {"n": 2}]
    other = [{"o": 1}]
    file.save(differences.take({"a": 1, "b": ["x"]}, {"growing": growing, "other": other}))
    growing += [{"n": 3}]
    file.save(differences.take({"a": 2, "b": ["x"]}, {"growing": growing}))
    file.close()

    assert saved(folder) == Snapshot({"a": 2, "b": ["x"]}, {"growing": growing})


def test_only_what_changed_is_written() -> None:
    differences = Differences()
    growing = [{"n": 1}, {"n": 2}]
    assert differences.take({"a": 1, "b": 2}, {"growing": growing}).whole

    growing.append({"n": 3})
    change = differences.take({"a": 1, "b": 3}, {"growing": growing})

    assert not change.whole
    assert change.parts == {"b": "3"}
    assert [(each.name, each.kept, each.elements) for each in change.lists] == [("growing", 2, [{"n": 3}])]
    assert differences.take({"a": 1, "b": 3}, {"growing": growing}) == Change({}, [], [], False)


@pytest.mark.parametrize(
    "changed",
    [
        lambda old: [old[0], {"late": 1}, *old[1:]],
        lambda old: old[1:],
        lambda old: [{"n": 0}, *old],
        lambda old: [{"anew": 1}],
    ],
    ids=["late one in between", "oldest trimmed", "one in front", "made anew"],
)
def test_a_list_that_did_not_only_grow_is_written_anew(folder: Path, changed: Any) -> None:
    file, differences = SnapshotFile(folder), Differences()
    old = [{"n": 1}, {"n": 2}, {"n": 3}]
    file.save(differences.take({"a": 1}, {"list": old}))
    new = changed(old)
    file.save(differences.take({"a": 1}, {"list": new}))
    file.close()

    assert saved(folder) == Snapshot({"a": 1}, {"list": new})


def test_after_a_save_that_failed_the_next_one_holds_everything(folder: Path) -> None:
    file, differences = SnapshotFile(folder), Differences()
    file.save(differences.take({"a": 1}, {"gone": [1]}))
    differences.take({"a": 2}, {"list": [{"n": 1}]})
    differences.forget()
    file.save(differences.take({"a": 2}, {"list": [{"n": 1}]}))
    file.close()

    assert saved(folder) == Snapshot({"a": 2}, {"list": [{"n": 1}]})


def test_what_json_cannot_hold_is_not_left_out(file: SnapshotFile) -> None:
    with pytest.raises(TypeError):
        Differences().take({"a": b"bytes"}, {})
    with pytest.raises(TypeError):
        file.save(Differences().take({"a": 1}, {"list": [1, b"bytes"]}))
    assert file.load() is None


def test_a_long_list_keeps_its_order_over_many_saves(folder: Path) -> None:
    file, differences = SnapshotFile(folder), Differences()
    growing: list[int] = []
    for length in (1, 250, 99, 100, 101):
        growing += range(len(growing), len(growing) + length)
        file.save(differences.take({"a": 1}, {"list": growing}))
    file.close()

    assert saved(folder) == Snapshot({"a": 1}, {"list": list(range(551))})


def test_a_file_in_use_is_not_opened_a_second_time(file: SnapshotFile, folder: Path) -> None:
    with pytest.raises(OSError, match="in use by another sandbox") as caught:
        SnapshotFile(folder)
    assert not isinstance(caught.value, SnapshotRefused)


def test_a_snapshot_of_another_format_is_refused_and_left_alone(file: SnapshotFile, folder: Path) -> None:
    file.close()
    execute(file.path, f"PRAGMA user_version = {FORMAT + 1}")
    before = file.path.read_bytes()

    with pytest.raises(SnapshotRefused, match=f"format {FORMAT + 1}.*Move it away"):
        SnapshotFile(folder)
    assert file.path.read_bytes() == before


def test_another_database_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    path = folder / "sandbox.db"
    execute(path, "CREATE TABLE mine (a)")
    before = path.read_bytes()

    with pytest.raises(SnapshotRefused, match="not a snapshot"):
        SnapshotFile(folder)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_database_is_refused(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "sandbox.db").write_bytes(content)

    with pytest.raises(SnapshotRefused):
        SnapshotFile(folder)
    assert (folder / "sandbox.db").read_bytes() == content


def test_a_damaged_snapshot_is_refused(folder: Path) -> None:
    file = SnapshotFile(folder)
    file.save(Differences().take({"a": 1}, {"list": [{"text": "x" * 100}] * 2000}))
    file.close()
    with file.path.open("r+b") as raw:
        raw.seek(5 * 4096)
        raw.write(b"\xff" * 3 * 4096)

    with pytest.raises(SnapshotRefused, match="damaged"):
        saved(folder)


def test_a_value_that_is_no_json_is_refused(file: SnapshotFile, folder: Path) -> None:
    file.close()
    execute(file.path, "INSERT INTO part VALUES ('a', '{half')")

    with pytest.raises(SnapshotRefused, match="damaged"):
        saved(folder)
