"""The bell that wakes readers when a table was written to."""

from __future__ import annotations

import asyncio


class Bell:
    """A broadcast without lost wake-ups: who remembers `rings` before looking cannot miss a ring after it."""

    def __init__(self) -> None:
        self.rings = 0
        self._next_ring = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits. Must be called on the event loop's thread."""
        self.rings += 1
        self._next_ring.set()
        self._next_ring = asyncio.Event()

    async def wait(self, seen: int, timeout_s: float) -> None:
        """Return when the bell has rung more than `seen` times, or after `timeout_s` seconds."""
        if self.rings != seen:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._next_ring.wait()
        except TimeoutError:
            return
