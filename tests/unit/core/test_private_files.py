"""Files that are this person's alone: links and what belongs to others are refused, and left as they were."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from core.private_files import (
    NotPrivate,
    open_private,
    own_folder,
    prepare_database,
    read_private,
    replace_private,
    safe_folder,
)

WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def foreign_folder(tmp_path: Path) -> Path:
    """A folder of another user: made where this may give one away, the root folder elsewhere."""
    if os.geteuid() != 0:
        return Path("/")
    folder = tmp_path / "foreign"
    folder.mkdir()
    os.chown(folder, 12_345, 12_345)
    return folder


def linked(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def dangling(path: Path, _: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def hard_linked(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def named_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path, _: Path) -> None:
    path.mkdir()


PLANTED = [linked, dangling, hard_linked, named_pipe, a_folder]


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("act", [lambda path: open_private(path, WRITING), read_private, prepare_database])
def test_what_was_planted_is_neither_written_nor_read(
    tmp_path: Path, plant: Callable[[Path, Path], None], act: Callable[[Path], object]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("the victim's")
    plant(tmp_path / "file", victim)

    with pytest.raises(OSError, match="file"):
        act(tmp_path / "file")
    assert victim.read_text() == "the victim's"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_a_link_beside_a_database_is_refused(tmp_path: Path, end: str) -> None:
    (tmp_path / f"data.db{end}").symlink_to(tmp_path / "victim")
    with pytest.raises(NotPrivate, match="is a link"):
        prepare_database(tmp_path / "data.db")


def test_a_file_that_is_replaced_replaces_a_link_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("the victim's")
    (tmp_path / "file").symlink_to(tmp_path / "victim")
    replace_private(tmp_path / "file", b"new")
    assert (tmp_path / "victim").read_text() == "the victim's"
    assert read_private(tmp_path / "file") == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert {each.name for each in tmp_path.iterdir()} == {"victim", "file"}


def test_a_folder_is_made_for_its_owner_alone_and_one_that_is_there_is_closed(tmp_path: Path) -> None:
    own_folder(tmp_path / "a" / "b")
    (tmp_path / "open").mkdir(mode=0o755)
    own_folder(tmp_path / "open")
    for each in ("a/b", "open"):
        assert stat.S_IMODE((tmp_path / each).stat().st_mode) == 0o700


@pytest.mark.parametrize("act", [own_folder, safe_folder])
def test_a_folder_that_is_not_safe_is_refused_and_left_alone(tmp_path: Path, act: Callable[[Path], None]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, mode in (("wide", 0o777), ("sticky", 0o1777), ("group", 0o770)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    refused = {
        tmp_path / "file": "is a file and no folder",
        tmp_path / "link": "is a link that leads nowhere",
        tmp_path / "wide": "others may write in",
        tmp_path / "sticky": "others may write in",
        tmp_path / "group": "others may write in",
        tmp_path / "wide" / "below": "others may write in .*wide, which",
        foreign_folder(tmp_path): "belongs to another user",
    }
    for folder, why in refused.items():
        with pytest.raises(NotPrivate, match=why):
            act(folder)
    assert stat.S_IMODE((tmp_path / "sticky").stat().st_mode) == 0o1777
