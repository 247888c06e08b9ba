"""What a pipe does with the batches of all its shards: filter their records, and see every one of them through.

A record is settled when it was delivered, dropped, or accepted by the dead-letter queue. Only then does the cursor
move over it, so a record may come twice but is never lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.pipes.delivery.batch_delivery import Journey, PipeParts
from sandbox.pipes.plan.batches import Batch

#: Called with each record that is settled.
Settled = Callable[[dict[str, Any]], None]


class Delivery:
    """Handles the records of one pipe."""

    def __init__(self, pipe: PipeParts) -> None:
        self._pipe = pipe
        self.batching = pipe.plan.batching

    def takes(self, record: dict[str, Any]) -> bool:
        """Whether the pipe's filters take a record. One that they do not take is counted and is done with."""
        if self._pipe.plan.filters.matches(record):
            return True
        self._pipe.counters.filtered += 1
        return False

    async def handle(self, batch: Batch, settled: Settled) -> None:
        """See every record of a batch through. Cancelling it leaves those undone that are not settled."""
        counters = self._pipe.counters
        await self._pipe.back_off.wait()
        unsettled = len(batch.records)
        counters.in_flight += unsettled

        def settle(part: Batch) -> None:
            nonlocal unsettled
            unsettled -= len(part.records)
            counters.in_flight -= len(part.records)
            for record in part.records:
                settled(record)

        try:
            parts = [batch]
            while parts:
                parts[:0] = await Journey(self._pipe, parts.pop(0), settle).see_through()
        finally:
            counters.in_flight -= unsettled
            counters.backing_off_s = self._pipe.back_off.pause_s
        counters.release(batch.lane)
