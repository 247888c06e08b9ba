"""How long the sandbox takes until a write would travel the whole way, and how long to end."""

from __future__ import annotations

import time
from pathlib import Path

from bench.stack import running_sandbox
from bench.table import SPREAD, Table, spread

STARTS = 5


def measure(folder: Path) -> Table:
    """Times of five starts and stops, in s."""
    up: list[float] = []
    down: list[float] = []
    for number in range(STARTS):
        with running_sandbox(folder / str(number)) as running:
            up.append(running.startup_s)
            ending = time.monotonic()
        down.append(time.monotonic() - ending)
    return Table(
        title=f"startup: the sandbox {STARTS} times, in s",
        header=("", *SPREAD),
        rows=(("process started → ready", *spread(up)), ("SIGTERM → ended", *spread(down))),
    )
