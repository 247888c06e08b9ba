"""How long one part of a page may wait in all. Its shared reads draw on the same seconds, however many they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What this thread awaits in the block may take so many seconds in all; a block around it may allow fewer."""
    until = time.monotonic() + seconds
    around = _deadline.get()
    token = _deadline.set(until if around is None else min(around, until))
    try:
        yield
    finally:
        _deadline.reset(token)


def left(longest_s: float) -> float:
    """How many seconds this thread may wait now: `longest_s`, or what is left of the blocks around it."""
    until = _deadline.get()
    return longest_s if until is None else max(0.0, min(longest_s, until - time.monotonic()))
