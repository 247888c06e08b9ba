"""The file of a kept sandbox: whole saves, only what changed, and nothing foreign."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.persistence.change import Change, KeptList, ListChange, MapChange, Snapshot
from sandbox.persistence.snapshot_file import FORMAT, SnapshotFile, SnapshotRefused, statements


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def file(folder: Path) -> Iterator[SnapshotFile]:
    file = SnapshotFile(folder)
    yield file
    file.close()


def saved(folder: Path) -> Snapshot:
    """What a sandbox that starts now would find."""
    file = SnapshotFile(folder)
    try:
        found = file.load()
    finally:
        file.close()
    assert found is not None
    return found


def save(file: SnapshotFile, change: Change) -> None:
    """Write a change."""
    file.save(statements(change))


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


def items(put: dict[str, Any], gone: tuple[str, ...] = (), *, anew: bool = False) -> MapChange:
    return MapChange("items", [((key,), value) for key, value in put.items()], [(key,) for key in gone], anew)


def test_what_was_saved_in_steps_is_loaded_as_it_was_at_the_end(file: SnapshotFile, folder: Path) -> None:
    first = [ListChange("growing", 0, [1, 2], anew=True), ListChange("gone", 0, [1], anew=True)]
    save(file, Change({"a": "1", "b": '["x"]'}, first, [items({"k": 1, "l": 2, "m": 3}, anew=True)]))
    file.save(
        statements(Change({"a": "2"}, [ListChange("growing", 2, [3])], [items({"n": 4, "k": 5}, ("l",))], ["gone"]))
    )
    file.close()

    kept = saved(folder)
    assert kept == Snapshot({"a": 2, "b": ["x"]}, {"growing": KeptList(0, [1, 2, 3])}, {"items": kept.maps["items"]})
    assert list(kept.maps["items"].items()) == [(("k",), 5), (("m",), 3), (("n",), 4)], "in the order of the first put"


def test_what_is_anew_replaces_what_was_there(file: SnapshotFile, folder: Path) -> None:
    file.save(
        statements(Change({"a": "1"}, [ListChange("list", 0, [1, 2, 3], anew=True)], [items({"k": 1}, anew=True)]))
    )
    save(file, Change({}, [ListChange("list", 7, [4], first=7, anew=True)], [items({"l": 2}, anew=True)]))
    file.close()

    assert saved(folder) == Snapshot({"a": 1}, {"list": KeptList(7, [4])}, {"items": {("l",): 2}})


@pytest.mark.parametrize("first", [1, 99, 100, 101, 250, 550, 551])
def test_a_long_list_keeps_its_order_over_many_saves_and_loses_its_oldest(folder: Path, first: int) -> None:
    file = SnapshotFile(folder)
    length = 0
    save(file, Change({"a": "1"}, [ListChange("list", 0, [], anew=True)]))
    for more in (1, 250, 99, 100, 101):
        save(file, Change({}, [ListChange("list", length, list(range(length, length + more)))]))
        length += more
    save(file, Change({}, [ListChange("list", length, [], first=first)]))
    file.close()

    assert saved(folder) == Snapshot({"a": 1}, {"list": KeptList(first, list(range(first, 551)))})


def test_a_save_that_fails_writes_nothing_of_itself(file: SnapshotFile) -> None:
    save(file, Change({"a": "1"}, [ListChange("list", 0, [1], anew=True)]))
    before = file.load()
    with pytest.raises(TypeError):
        save(file, Change({"a": "2"}, [ListChange("list", 1, [2])], [items({"k": b"bytes"})]))
    assert file.load() == before


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
    save(file, Change({"a": "1"}, [ListChange("list", 0, [{"text": "x" * 100}] * 2000, anew=True)]))
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
