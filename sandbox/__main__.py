"""`python -m sandbox`: see sandbox/command_line.py. A signal to stop is understood from the first moment on."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def _stop_at_once(number: int, _: FrameType | None) -> None:
    """Until the sandbox listens to signals itself there is nothing to take down; the system frees the lock."""
    os.write(sys.stderr.fileno(), b"The sandbox ended: it was stopped before it had started.\n")
    os._exit(128 + number)


def _leave(code: int) -> None:
    """End without taking the interpreter apart: with 100,000 records that takes seconds, and frees only memory."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, _stop_at_once)
    from sandbox.command_line import main

    try:
        _leave(main())
    except SystemExit as leaving:
        _leave(leaving.code if isinstance(leaving.code, int) else 1)
