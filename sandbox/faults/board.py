"""The faults that are switched on, and what they have hit."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.faults.fault import Fault
from sandbox.faults.targets import EVERY, Target, Wire

#: How many fired faults the log keeps.
LOG_LENGTH = 500
#: How many faults that are over are still told of.
ENDED_LENGTH = 50


@dataclass(eq=False)
class ArmedFault:
    """A fault that was switched on: how often it fired, and how many calls it will still hit (None: no limit)."""

    id: int
    fault: Fault
    fired: int = 0
    _dice: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = Random(self.fault.seed)

    @property
    def remaining(self) -> int | None:
        """How many calls it will still hit; None when nothing but an order ends it."""
        return None if self.fault.count is None else self.fault.count - self.fired

    def strikes(self, wire: Wire, operation: str) -> bool:
        """Whether it hits this call. Where it hits a share only, every call of its target throws the dice once."""
        target = self.fault.target
        if target.wire is not wire or target.operation not in (operation, EVERY):
            return False
        return self.fault.share is None or self._dice.random() < self.fault.share

    def as_json(self) -> dict[str, Any]:
        """The fault with its id and counts."""
        return {"id": self.id, **self.fault.as_json(), "remaining": self.remaining, "fired": self.fired}


@dataclass(frozen=True)
class FiredFault:
    """One call that a fault hit: epoch seconds, the fault's id, where, and what was done to the call."""

    at: float
    id: int
    target: str
    what: str


class FaultBoard:
    """The faults that are on. The first that strikes a call hits it, and no other does."""

    def __init__(self) -> None:
        self._on: list[ArmedFault] = []
        self._ended: deque[ArmedFault] = deque(maxlen=ENDED_LENGTH)
        self._fired: deque[FiredFault] = deque(maxlen=LOG_LENGTH)
        self._last_id = 0

    def add(self, fault: Fault) -> int:
        """Switch the fault on, behind those that are on already. Its id."""
        self._last_id += 1
        self._on.append(ArmedFault(self._last_id, fault))
        return self._last_id

    def clear(self) -> None:
        """Switch all faults off; the log stays."""
        self._ended.extend(self._on)
        self._on.clear()

    def end(self, fault_id: int) -> bool:
        """Switch one fault off. False when none of that id is on."""
        for armed in self._on:
            if armed.id == fault_id:
                self._end(armed)
                return True
        return False

    def on(self) -> tuple[ArmedFault, ...]:
        """The faults that are on, in the order in which they are tried."""
        return tuple(self._on)

    def ended(self) -> tuple[ArmedFault, ...]:
        """The last faults that are over, used up or ended, in the order in which they ended."""
        return tuple(self._ended)

    def fired(self) -> tuple[FiredFault, ...]:
        """The last calls that were hit, oldest first."""
        return tuple(self._fired)

    def hit(self, wire: Wire, operation: str) -> Fault | None:
        """The fault that hits this call, used up by one; None when none does."""
        for armed in self._on:
            if armed.strikes(wire, operation):
                armed.fired += 1
                where = str(Target(wire, operation))
                self._fired.append(FiredFault(time.time(), armed.id, where, armed.fault.does()))
                if armed.remaining == 0:
                    self._end(armed)
                return armed.fault
        return None

    def _end(self, armed: ArmedFault) -> None:
        self._on.remove(armed)
        self._ended.append(armed)
