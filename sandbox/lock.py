"""One sandbox per state folder: a lock that the kernel releases when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from core.private_files import open_private, own_folder

#: How often and how long a start tries: somebody who only asks whether a sandbox runs holds the lock for an instant.
_TRIES, _PAUSE_S = 10, 0.05


class AlreadyRunning(Exception):
    """Raised when another process holds the lock of the folder."""


def hold(folder: Path) -> IO[str]:
    """The held lock file; keep it open as long as the sandbox runs. Raises AlreadyRunning, and OSError."""
    own_folder(folder)
    file = os.fdopen(open_private(folder / "lock", os.O_RDWR | os.O_CREAT), "r+", encoding="utf-8")
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(_PAUSE_S)
    file.close()
    raise AlreadyRunning(f"A sandbox already runs with the state folder {folder}.")


def is_held(folder: Path) -> bool:
    """Whether a sandbox runs with this folder. Surer than its process id, which the system may give away again.

    Raises OSError when that cannot be told.
    """
    try:
        with os.fdopen(open_private(folder / "lock", os.O_RDONLY), encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
