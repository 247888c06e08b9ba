"""How long a person waits for `python -m provision` with the production settings, and how long its own work takes.

A command is timed from its start as a process, imports included; `down` and the first `up` of a stack of its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.stack import ROOT, RunningSandbox, child_environment, running_sandbox
from bench.table import SPREAD, Table, percentile, spread

ROUNDS = 5
#: What issue 7 asks for, in seconds.
PLAN_WITHIN_S, UP_WITHIN_S = 1.0, 3.0
#: What is run, in this order, and the exit code that it has to have.
_COMMANDS = (
    ("plan", ("plan",), 2),
    ("up", ("up", "--yes"), 0),
    ("second plan", ("plan",), 0),
    ("down", ("down", "--yes", "--unprotect"), 0),
)


def measure(folder: Path) -> Table:
    """Times of five lives of a stack, in s. Not ok when a median is above what is asked for, or a command fails."""
    times: dict[str, list[float]] = {name: [] for name, _, _ in _COMMANDS}
    work: dict[str, list[float]] = {name: [] for name, _, _ in _COMMANDS}
    good = True
    with running_sandbox(folder) as running:
        for number in range(ROUNDS):
            for name, arguments, wanted in _COMMANDS:
                began, worked = time.monotonic(), _processor_s()
                code = _run(running, *arguments, "--prefix", f"bench{number}", "--profile", "production")
                times[name].append(time.monotonic() - began)
                work[name].append(_processor_s() - worked)
                good = good and code == wanted
    plans = percentile(times["plan"], 50), percentile(times["second plan"], 50)
    return Table(
        title=f"provision: `python -m provision`, production settings, {ROUNDS} times, in s",
        header=("", *SPREAD),
        rows=(
            *((name, *spread(values)) for name, values in times.items()),
            *((f"{name}, its processor time", *spread(values)) for name, values in work.items()),
        ),
        ok=good and max(plans) <= PLAN_WITHIN_S and percentile(times["up"], 50) <= UP_WITHIN_S,
    )


def _processor_s() -> float:
    """Seconds of processor that the processes took that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(running: RunningSandbox, *arguments: str) -> int:
    """The command's exit code; what it prints is not looked at."""
    return subprocess.run(
        [sys.executable, "-m", "provision", *arguments],
        cwd=ROOT,
        env=child_environment(running.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    ).returncode
