"""One read for all viewers: a value that is fetched at most once in a while, whoever asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.errors import DashboardError

T = TypeVar("T")


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A value and when it was read, in epoch seconds."""

    value: T
    read_at: float


class Shared(Generic[T]):
    """A value that `fetch` reads, kept for `lifetime_s` seconds.

    While one thread fetches, the others wait for its result instead of fetching too. A failure is kept as long
    as a value would be, so that fifty viewers of a dead endpoint do not try fifty times.

    Reads keep the beat of the first: one that is asked for late does not put off the next. So there is one read per
    lifetime, whether one viewer asks or fifty, as long as each asks at least once per lifetime. A lifetime is therefore
    longer than the pause between the runs of the fragments that ask.
    """

    def __init__(self, fetch: Callable[[], T], lifetime_s: float) -> None:
        self._fetch = fetch
        self._lifetime_s = lifetime_s
        self._lock = threading.Lock()
        self._reading: Reading[T] | None = None
        self._error: DashboardError | None = None
        self._fresh_until = 0.0
        self._forgotten = 0
        self._forgotten_before_read = 0

    def get(self) -> Reading[T]:
        """The value, read now or recently. Raises the DashboardError that the last read ended with."""
        with self._lock:
            if time.monotonic() >= self._fresh_until or self._forgotten != self._forgotten_before_read:
                self._read()
            if self._error is not None:
                raise self._error.with_traceback(None)
            assert self._reading is not None
            return self._reading

    @property
    def read_at(self) -> float | None:
        """When the last value was read, in epoch seconds, or None before the first. Reads nothing."""
        reading = self._reading
        return None if reading is None else reading.read_at

    def forget(self) -> None:
        """The next `get` reads anew, even if a read is under way. Returns at once."""
        # Without the lock: whoever has just written must not wait for a read that began before.
        self._forgotten += 1

    def _read(self) -> None:
        self._forgotten_before_read = self._forgotten
        try:
            self._reading, self._error = Reading(self._fetch(), time.time()), None
        except DashboardError as error:
            self._error = error
        self._fresh_until = self._next_beat(time.monotonic())

    def _next_beat(self, now: float) -> float:
        late = now - self._fresh_until
        return self._fresh_until + self._lifetime_s if 0 <= late < self._lifetime_s else now + self._lifetime_s
