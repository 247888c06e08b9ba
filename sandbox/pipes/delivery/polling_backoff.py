"""Slows a pipe down that fails nearly all the time, as Pipes does (facts/aws-pipes.md, section 3).

AWS names no numbers. These let short outages pass unslowed and keep a long one from filling the queue at full speed.
"""

from __future__ import annotations

import asyncio

_FREE_FAILURES = 50
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2


class PollingBackOff:
    """Counts batches in a row that were given up."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def pause_s(self) -> float:
        """Seconds that the pipe waits before it takes up the next batch."""
        excess = self._failures - _FREE_FAILURES
        if excess <= 0:
            return 0.0
        return float(min(_FIRST_PAUSE_S * 2 ** min(excess - 1, 10), _LONGEST_PAUSE_S))

    def succeeded(self) -> None:
        """A batch was delivered: full speed again."""
        self._failures = 0

    def failed(self) -> None:
        """A batch was given up."""
        self._failures += 1

    async def wait(self) -> None:
        """Wait before the next batch, if at all."""
        if self._failures > _FREE_FAILURES:
            await asyncio.sleep(self.pause_s)
