"""When the next write is due, and how fast writes have been going. Pure: every time is a monotonic time in s."""

from __future__ import annotations

from collections import deque

#: The span over which the current rate is measured, in s.
WINDOW_S = 5.0
#: How many writes are remembered for it.
REMEMBERED = 1_000
#: A writer that is further behind than this, in s, starts anew: no burst makes up for a pause.
LONGEST_LAG_S = 1.0


class Pace:
    """An even pace of `rate` writes/s, from the first question on."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._due: float | None = None
        self._written: deque[float] = deque(maxlen=REMEMBERED)

    def wait_s(self, now: float) -> float:
        """How long to wait before the next write, 0 when it is due. To be asked once for each write."""
        if self._due is None or now - self._due > LONGEST_LAG_S:
            self._due = now
        wait = max(0.0, self._due - now)
        self._due += self._interval
        return wait

    def wrote(self, now: float) -> None:
        """Count a write."""
        self._written.append(now)

    def rate_now(self, now: float) -> float:
        """Writes/s over the last five seconds; 0 until there are two to measure between."""
        recent = [at for at in self._written if now - at <= WINDOW_S]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0
