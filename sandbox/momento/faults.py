"""Faults that are switched on for the HTTP API: which route fails, how, and how often."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

#: How many fired faults the log keeps.
LOG_LENGTH = 500

#: What a fault's route may say: a method and the first segment of the path, or all of them.
ROUTES = ("GET /cache", "PUT /cache", "DELETE /cache", "POST /topics", "GET /topics", "*")


@dataclass(frozen=True)
class Fault:
    """Requests to `route` wait `delay_ms`, then are answered with `status`; None lets them through after the wait.

    `count` is how many requests it hits before it is used up; None means until it is cleared.
    """

    route: str
    status: int | None = 500
    count: int | None = None
    delay_ms: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError when the fault could never fire or would not be an HTTP answer."""
        if self.route not in ROUTES:
            raise ValueError(f"route must be one of {', '.join(ROUTES)}")
        for name in ("status", "count", "delay_ms"):
            value = getattr(self, name)
            if value is not None and type(value) is not int:
                raise ValueError(f"{name} must be a whole number")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("status must be an HTTP status from 200 to 599")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be at least 1")
        if self.delay_ms < 0:
            raise ValueError("delay_ms must not be negative")


@dataclass(frozen=True)
class ArmedFault:
    """A fault that is switched on, and how many requests it will still hit (None: all)."""

    fault: Fault
    remaining: int | None


@dataclass(frozen=True)
class FiredFault:
    """One request that a fault hit: epoch seconds, the request's route, and what was done to it."""

    at: float
    route: str
    what: str


class FaultBoard:
    """The faults that are switched on. The first that matches a request hits it."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._fired: deque[FiredFault] = deque(maxlen=LOG_LENGTH)

    def add(self, fault: Fault) -> None:
        """Switch the fault on, behind those that are on already."""
        self._armed.append(ArmedFault(fault, fault.count))

    def clear(self) -> None:
        """Switch all faults off; the log stays."""
        self._armed.clear()

    def list(self) -> tuple[ArmedFault, ...]:
        """The faults that are on, in the order in which they are tried."""
        return tuple(self._armed)

    def fired(self) -> tuple[FiredFault, ...]:
        """The last requests that were hit, oldest first."""
        return tuple(self._fired)

    def hit(self, route: str) -> Fault | None:
        """The fault that hits a request to this route, used up by one; None when none does."""
        for index, armed in enumerate(self._armed):
            if armed.fault.route in (route, "*"):
                self._use(index)
                self._fired.append(FiredFault(time.time(), route, _describe(armed.fault)))
                return armed.fault
        return None

    def _use(self, index: int) -> None:
        armed = self._armed[index]
        if armed.remaining == 1:
            del self._armed[index]
        elif armed.remaining is not None:
            self._armed[index] = ArmedFault(armed.fault, armed.remaining - 1)


def _describe(fault: Fault) -> str:
    parts = []
    if fault.delay_ms:
        parts.append(f"delayed {fault.delay_ms} ms")
    if fault.status is not None:
        parts.append(f"answered {fault.status}")
    return ", ".join(parts) or "let through"
