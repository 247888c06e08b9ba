"""Files that are this person's alone, opened so that no other user of the machine can slip something in their place.

A file is taken only when it is a regular one, belongs to whoever runs this, and has one name; links are not followed.
A folder is taken only when it belongs to the user who runs this and no other user may write in it.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: Waiting for the other end of a named pipe would be for ever.
_NEVER = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
#: What SQLite puts beside a database.
_COMPANIONS = ("-wal", "-shm", "-journal")


class NotPrivate(OSError):
    """Raised for a file or folder that is there but not this person's alone. Its text says what is wrong with it."""


def reason(error: OSError) -> str:
    """What went wrong with which file, without the error's number."""
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def own_folder(path: Path) -> None:
    """A folder for nothing but our files: made if there is none, and then this person's alone. Raises OSError."""
    descriptor = _folder(path)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != stat.S_IRWXU:
            os.fchmod(descriptor, stat.S_IRWXU)
    finally:
        os.close(descriptor)


def safe_folder(path: Path) -> None:
    """A folder that a person has named, made if there is none; others may look into it. Raises OSError."""
    os.close(_folder(path))


def _folder(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        wrong = "is a link that leads nowhere" if path.is_symlink() else "is a file and no folder"
        raise NotPrivate(f"{path} {wrong}") from error
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise NotPrivate(f"{path} belongs to another user")
        if found.st_mode & (_OTHERS_WRITE | stat.S_ISVTX):
            raise NotPrivate(f"others may write in {path}")
        for above in path.resolve().parents:
            mode = above.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise NotPrivate(f"others may write in {above}, which {path} is in")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_private(path: Path, flags: int) -> int:
    """The descriptor of a file, made with mode 0600 where `flags` say so. Raises OSError."""
    try:
        descriptor = os.open(path, (flags & ~os.O_TRUNC) | _NEVER, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise NotPrivate(f"{path} is a link; links are not followed") from error
        raise
    try:
        _check(path, os.fstat(descriptor))
        if flags & (os.O_WRONLY | os.O_RDWR):
            os.fchmod(descriptor, 0o600)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_private(path: Path) -> bytes:
    """What a file holds. Raises OSError."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read()


def replace_private(path: Path, content: bytes) -> None:
    """Write a file anew in one step: whoever reads finds the old one or the new one. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with os.fdopen(open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content)
        os.replace(fresh, path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            fresh.unlink()
        if isinstance(error, OSError) and error.strerror and not error.filename:
            # Writing on a full disk names no file.
            error.filename = str(path)
        raise


def prepare_database(path: Path) -> None:
    """An SQLite file in a safe folder, made if there is none; SQLite then opens it and its companions by name.

    Raises OSError when one of them is not this person's alone.
    """
    os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    check_companions(path)


def check_companions(path: Path) -> None:
    """Raises NotPrivate when what SQLite would take for the files beside a database is not this person's alone."""
    for end in _COMPANIONS:
        beside = path.with_name(path.name + end)
        with suppress(FileNotFoundError):
            _check(beside, beside.lstat())


def _check(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise NotPrivate(f"{path} is a link; links are not followed")
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"{path} is no ordinary file")
    if found.st_uid != os.geteuid():
        raise NotPrivate(f"{path} belongs to another user")
    if found.st_nlink > 1:
        raise NotPrivate(f"{path} has a second name somewhere (a hard link)")
