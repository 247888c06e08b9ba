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
        self._fresh_until = time.monotonic() + self._lifetime_s
