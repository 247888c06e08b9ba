"""How many calls this process makes to AWS, per service and operation: what it costs to look, for everybody to see.

A call that is tried twice counts twice, as AWS counts it for its limits.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

WINDOW_S = 60


@dataclass(frozen=True)
class CallCount:
    """The calls of one operation: in the last WINDOW_S seconds, and since the process began to count."""

    service: str
    operation: str
    lately: int
    total: int


class ApiCalls:
    """Counts, second by second. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: Counter[tuple[str, str]] = Counter()
        #: Second on the monotonic clock -> calls in it, the oldest first.
        self._seconds: deque[tuple[int, Counter[tuple[str, str]]]] = deque()

    def watch(self, events: Any) -> None:
        """Counts every request that clients of a boto3 session's event system send from now on."""
        events.register("before-send", self._sent)

    def _sent(self, event_name: str, **_: Any) -> None:
        """Takes an event such as `before-send.sqs.ListQueues`."""
        service, operation = event_name.split(".")[1:3]
        self.note(service, operation)

    def note(self, service: str, operation: str) -> None:
        """Counts one call."""
        second = int(time.monotonic())
        with self._lock:
            self._totals[service, operation] += 1
            if not self._seconds or self._seconds[-1][0] < second:
                self._seconds.append((second, Counter()))
                self._drop_old(second)
            self._seconds[-1][1][service, operation] += 1

    def counts(self) -> tuple[CallCount, ...]:
        """The counts of every operation that was ever called, the busiest first."""
        with self._lock:
            self._drop_old(int(time.monotonic()))
            lately: Counter[tuple[str, str]] = Counter()
            for _, calls in self._seconds:
                lately.update(calls)
            found = [CallCount(*call, lately[call], total) for call, total in self._totals.items()]
        return tuple(sorted(found, key=lambda count: (-count.lately, -count.total, count.service, count.operation)))

    def _drop_old(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - WINDOW_S:
            self._seconds.popleft()


def lately(counts: Iterable[CallCount]) -> int:
    """All calls of the last WINDOW_S seconds."""
    return sum(count.lately for count in counts)
