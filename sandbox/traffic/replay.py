"""Writes observations at a chosen pace, deletes some again, and says at any moment how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sandbox.traffic.observation import Observation
from sandbox.traffic.operations import Delete, Put, operations
from sandbox.traffic.pace import Pace

#: After so many failures in a row a replay gives up: the target is gone, not busy.
GIVE_UP_AFTER = 10
FASTEST = 10_000


class WriteFailed(Exception):
    """Raised by a `put` or `delete` that was not acknowledged; its text is the reason and holds no secret."""


@dataclass(frozen=True)
class Progress:
    """How far a replay is.

    `done` counts operations, failed ones too, of `total` (None: nobody knows); `puts` and `deletes` those that were
    acknowledged. `started_at` is epoch s, None before the start. `rate_now` is operations/s over the last seconds.
    `gave_up` says that too many failures in a row ended the replay, `last_error` the reason of the last failure.
    """

    total: int | None = None
    done: int = 0
    puts: int = 0
    deletes: int = 0
    failures: int = 0
    started_at: float | None = None
    rate_now: float = 0.0
    last_error: str = ""
    running: bool = False
    gave_up: bool = False


class Replay:
    """A paced writer. `run` blocks until all is written; `stop` and `progress` may be used from other threads.

    `put` and `delete` write one observation and delete one location; they raise WriteFailed when that was not
    acknowledged. `rate` is in operations/s. `count` is how many operations, None for as long as there are
    observations. `deletes` is the percentage of operations (0 to 50) that delete a location put before, which
    ones follows from `seed`. Raises ValueError when one of these numbers makes no sense.
    """

    def __init__(
        self,
        observations: Iterable[Observation],
        put: Callable[[Observation], None],
        delete: Callable[[str], None],
        *,
        rate: float = 5,
        count: int | None = None,
        deletes: float = 5,
        seed: int | None = None,
    ) -> None:
        if not 0 < rate <= FASTEST:
            raise ValueError(f"The rate has to be above 0 and at most {FASTEST:,} writes/s, not {rate:g}.")
        if count is not None and count < 1:
            raise ValueError(f"The count has to be at least 1, not {count}.")
        self._operations = operations(observations, deletes, seed)
        self._put = put
        self._delete = delete
        self._pace = Pace(rate)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._progress = Progress(total=count)

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        with self._lock:
            rate = self._pace.rate_now(time.monotonic()) if self._progress.running else 0.0
            return replace(self._progress, rate_now=rate)

    def stop(self) -> None:
        """End the replay after the write that is under way. Returns at once."""
        self._stopped.set()

    def run(self) -> None:
        """Write until the count is reached, the observations run out, `stop` is called, or it gives up."""
        self._update(started_at=time.time(), running=True)
        failures_in_a_row = 0
        try:
            while self._progress.done != self._progress.total:
                if self._stopped.wait(self._pace.wait_s(time.monotonic())):
                    return
                operation = next(self._operations, None)
                if operation is None:
                    return
                failures_in_a_row = 0 if self._perform(operation) else failures_in_a_row + 1
                if failures_in_a_row == GIVE_UP_AFTER:
                    self._update(gave_up=True)
                    return
        except Exception as error:
            self._update(gave_up=True, last_error=f"Internal error: {type(error).__name__}")
            raise
        finally:
            self._update(running=False)

    def _perform(self, operation: Put | Delete) -> bool:
        before = self._progress
        try:
            match operation:
                case Put(observation):
                    self._put(observation)
                    self._update(done=before.done + 1, puts=before.puts + 1)
                case Delete(location):
                    self._delete(location)
                    self._update(done=before.done + 1, deletes=before.deletes + 1)
        except WriteFailed as error:
            self._update(done=before.done + 1, failures=before.failures + 1, last_error=str(error))
            return False
        return True

    def _update(self, **changes: int | float | str | bool) -> None:
        with self._lock:
            if "done" in changes:
                self._pace.wrote(time.monotonic())
            self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
