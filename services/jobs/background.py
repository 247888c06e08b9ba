"""Loops that run as long as the process: none ends on an exception, each backs off and recovers, and its age is known.

A step that raises is logged once per kind of exception until it succeeds again. The pause after it doubles with each
failure up to a cap: SOON_S when the other side is away, so that its return is soon seen, and LONGEST_S when it asks for
fewer calls.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import DashboardError, Throttled
from core.mishaps import Net

logger = logging.getLogger(__name__)

SOON_S = 5.0
LONGEST_S = 60.0
#: A loop is late when its last good run is so many of its pauses, and so many seconds, ago.
_LATE_PAUSES, _LATE_S = 3, 5.0


@dataclass(frozen=True)
class LoopState:
    """How a loop does. `good_at` is when it last succeeded (epoch s, or None); `problem` why it has not since."""

    name: str
    every_s: float
    began_at: float
    good_at: float | None = None
    problem: str = ""

    def late_s(self, now: float) -> float | None:
        """Seconds since it last succeeded, or began, when that is longer ago than it should be; else None."""
        age = now - (self.good_at or self.began_at)
        return age if age > _LATE_PAUSES * self.every_s + _LATE_S else None


class Pulse:
    """What a loop tells of itself: each run that succeeded, and each that did not. Safe to read by any thread."""

    def __init__(self, name: str, every_s: float) -> None:
        self.state = LoopState(name, every_s, time.time())
        self.failures = 0
        self._known: set[str] = set()

    def beat(self, run: Callable[[], None]) -> DashboardError | None:
        """Runs once, whatever that raises. Returns what it failed with, or None."""
        with Net(logger, self.state.name.capitalize(), self._known) as net:
            run()
        before = self.state
        if net.error is None:
            self.failures = 0
            self._known.clear()
            self.state = LoopState(before.name, before.every_s, before.began_at, time.time())
        else:
            self.failures += 1
            self.state = LoopState(before.name, before.every_s, before.began_at, before.good_at, str(net.error))
        return net.error


class Loop:
    """Runs `step` each `every_s` seconds in a thread of its own, from `start` to `close`."""

    def __init__(self, name: str, step: Callable[[], None], every_s: float) -> None:
        self._step = step
        self._every_s = every_s
        self._pulse = Pulse(name, every_s)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def state(self) -> LoopState:
        """How it does."""
        return self._pulse.state

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs: before the start, and after the close."""
        return not self._thread.is_alive()

    def start(self) -> None:
        """Begins, with a first step at once."""
        self._thread.start()

    def close(self, within_s: float = 2.0) -> None:
        """Ends it; a step under way is waited for, at most so long."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        while not self._closed.is_set():
            error = self._pulse.beat(self._step)
            self._closed.wait(self._every_s if error is None else pause_s(self._every_s, self._pulse.failures, error))


def pause_s(every_s: float, failures: int, error: DashboardError) -> float:
    """Seconds until the next step after so many failures in a row, the last of which is `error`."""
    cap = LONGEST_S if isinstance(error, Throttled) else SOON_S
    return float(min(every_s * 2.0 ** min(failures, 10), max(cap, every_s)))
