"""One read for all viewers: a value that is fetched at most once in a while, whoever asks, and nobody waits for long.

    fresh                          given out at once
    older than its lifetime        read anew in the background; who asks waits PATIENCE_S, then gets what there is
    nothing known, or forgotten    who asks waits up to FIRST_S, all of them together

A value that could not be read anew for GRACE_S beyond its lifetime is not given out as the present one any more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from core import patience
from core.errors import DashboardError, Unreachable
from core.mishaps import Net

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that who asks waits for a read: when there is a value, and when there is none.
PATIENCE_S = 0.3
FIRST_S = 5.0
#: For how many seconds after its lifetime a value still counts as the present one.
GRACE_S = 5.0


class NotYet(Unreachable):
    """Raised when a read goes on for longer than who asks may wait; the answer may still come."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A value and when it was read, in epoch seconds. `error` says why it could not be read anew since, if so."""

    value: T
    read_at: float
    error: DashboardError | None = None


class Shared(Generic[T]):
    """A value that `fetch` reads, kept for `lifetime_s` seconds.

    `fetch` runs in a thread of its own, one at a time: an endpoint that does not answer holds up that thread and not
    those who ask. A failure is kept as long as a value would be, so that fifty viewers of a dead endpoint do not try
    fifty times.

    Reads keep the beat of the first: one that is asked for late does not put off the next. So there is one read per
    lifetime, whether one viewer asks or fifty, as long as each asks at least once per lifetime. A lifetime is therefore
    longer than the pause between the runs of the fragments that ask.
    """

    def __init__(self, fetch: Callable[[], T], lifetime_s: float) -> None:
        self._fetch = fetch
        self._lifetime_s = lifetime_s
        self._changed = threading.Condition()
        self._reading: Reading[T] | None = None
        self._current_until = 0.0
        self._error: DashboardError | None = None
        self._fresh_until = 0.0
        #: Calls of `forget`; how many of them came before the read under way began, and before the last one that ended.
        self._forgotten = 0
        self._forgotten_before_read = 0
        self._forgotten_before_outcome = 0
        self._reading_now = False
        self._outcomes = 0
        #: When the outcome that is awaited now was first asked for.
        self._wanted_since: float | None = None

    def get(self) -> Reading[T]:
        """The present value. Raises the DashboardError that the last read ended with, or NotYet."""
        with self._changed:
            error = self._why_not_current(self._refresh())
            if error is not None:
                raise error.with_traceback(None)
            assert self._reading is not None
            return self._reading

    def last(self) -> Reading[T]:
        """The last value ever read, with the error that keeps it from being read anew, if there is one.

        Raises that error when no value was ever read.
        """
        with self._changed:
            error = self._why_not_current(self._refresh())
            if self._reading is None:
                assert error is not None
                raise error.with_traceback(None)
            return self._reading if error is None else replace(self._reading, error=error)

    @property
    def read_at(self) -> float | None:
        """When the last value was read, in epoch seconds, or None before the first. Reads nothing."""
        reading = self._reading
        return None if reading is None else reading.read_at

    def forget(self) -> None:
        """The next `get` reads anew, even if a read is under way. Returns at once."""
        with self._changed:
            self._forgotten += 1
            self._wanted_since = time.monotonic()

    def _refresh(self) -> int:
        """Waits for a fresh outcome as long as is worth it. Returns after how many `forget`s it must have begun."""
        now = time.monotonic()
        wanted = self._forgotten
        if now < self._fresh_until and self._forgotten_before_outcome == wanted:
            return wanted
        if self._wanted_since is None:
            self._wanted_since = now
        until = now + patience.left(self._patience_s(now))
        while True:
            if not self._reading_now:
                self._begin()
            if not self._outcome_comes(until):
                return wanted
            if self._forgotten_before_outcome >= wanted:
                return wanted

    def _outcome_comes(self, until: float) -> bool:
        before = self._outcomes
        return self._changed.wait_for(lambda: self._outcomes != before, max(0.0, until - time.monotonic()))

    def _patience_s(self, now: float) -> float:
        known = self._error is not None or now < self._current_until
        if known and self._forgotten_before_outcome == self._forgotten:
            return PATIENCE_S
        assert self._wanted_since is not None
        return max(PATIENCE_S, self._wanted_since + FIRST_S - now)

    def _why_not_current(self, wanted: int) -> DashboardError | None:
        if self._error is not None:
            return self._error
        now = time.monotonic()
        if self._reading is not None and now < self._current_until and self._forgotten_before_outcome >= wanted:
            return None
        since = self._wanted_since if self._wanted_since is not None else now
        return NotYet(f"It is being read, and there is no answer after {now - since:.0f} s.", "It comes by itself.")

    def _begin(self) -> None:
        self._forgotten_before_read = self._forgotten
        threading.Thread(target=self._read, name="shared read", daemon=True).start()
        self._reading_now = True

    def _read(self) -> None:
        reading: Reading[T] | None = None
        with Net(logger, "Reading it") as net:
            reading = Reading(self._fetch(), time.time())
        with self._changed:
            self._end(reading, net.error)
            self._changed.notify_all()

    def _end(self, reading: Reading[T] | None, error: DashboardError | None) -> None:
        now = time.monotonic()
        self._error = error
        if reading is not None:
            self._reading = reading
            self._current_until = now + self._lifetime_s + GRACE_S
        self._fresh_until = self._next_beat(now)
        self._forgotten_before_outcome = self._forgotten_before_read
        if self._forgotten_before_outcome == self._forgotten:
            self._wanted_since = None
        self._outcomes += 1
        self._reading_now = False

    def _next_beat(self, now: float) -> float:
        late = now - self._fresh_until
        return self._fresh_until + self._lifetime_s if 0 <= late < self._lifetime_s else now + self._lifetime_s


def bounded(read: Callable[[], T]) -> T:
    """What one viewer's own read gives, awaited as a first shared one would be. Raises what it raises, or NotYet."""
    return Shared(read, 0.0).get().value
