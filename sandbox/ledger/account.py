"""One pipe's account: every record that was written, and what was seen of it since. Pure.

A record is pending until a request that it would become is answered with success, or its dead letter is accepted.
Two records that make the same request byte for byte are settled in their order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sandbox.pipes.delivery.parallel_batches import lane_of_key

#: How many of the last deliveries are known again when they come twice.
_REMEMBERED = 20_000


@dataclass(frozen=True)
class Entry:
    """A record: its event name, its key as text, and its sequence number."""

    event_name: str
    key: str
    sequence: str


class Account:
    """Counts by what became of the records, and the records of which nothing was seen yet."""

    def __init__(self) -> None:
        self.written = 0
        self.filtered = 0
        self.delivered = 0
        self.dead_lettered = 0
        self.duplicates = 0
        self._pending: dict[str, tuple[Entry, int]] = {}
        self._by_request: dict[int, deque[str]] = {}
        self._last_settled: dict[str, int] = {}
        self._remembered: dict[int, None] = {}

    def write(self, entry: Entry, request: int | None) -> None:
        """A record was written, which becomes this request; None when the pipe's pattern leaves it out."""
        self.written += 1
        if request is None:
            self.filtered += 1
            return
        self._pending[entry.sequence] = (entry, request)
        self._by_request.setdefault(request, deque()).append(entry.sequence)

    def deliver(self, request: int) -> bool:
        """A request was answered with success. Whether a pending record explains it."""
        sequences = self._by_request.get(request)
        if not sequences:
            return False
        self._settle(sequences[0])
        self.delivered += 1
        self._remembered[request] = None
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return True

    def deliver_again(self, request: int) -> bool:
        """A request that no pending record explains: whether it repeats a delivery, which at-least-once allows."""
        if request not in self._remembered:
            return False
        self.duplicates += 1
        return True

    def dead_letter(self, first: str, last: str = "", size: int = 1, lanes: int = 1) -> int:
        """The dead letter of so many records of one lane was accepted. How many of them were pending; the others came
        to both ends."""
        found = self._pending_in_lane(first, last or first, lanes)[:size]
        self.duplicates += size - len(found)
        for sequence in found:
            self._remembered[self._pending[sequence][1]] = None
            self._settle(sequence)
        self.dead_lettered += len(found)
        return len(found)

    def _pending_in_lane(self, first: str, last: str, lanes: int) -> list[str]:
        if first not in self._pending:
            return []
        if first == last:
            return [first]
        lane = lane_of_key(self._pending[first][0].key, lanes)
        between = (entry for entry in self.pending() if int(first) <= int(entry.sequence) <= int(last))
        return [entry.sequence for entry in between if lane_of_key(entry.key, lanes) == lane]

    def pending(self) -> list[Entry]:
        """The records of which nothing was seen yet, oldest first."""
        return [entry for entry, _ in self._pending.values()]

    def overtaken(self) -> list[Entry]:
        """Those of them that a later record of the same key has overtaken: order is kept, so they were lost."""
        return [entry for entry in self.pending() if int(entry.sequence) < self._last_settled.get(entry.key, 0)]

    def _settle(self, sequence: str) -> None:
        entry, request = self._pending.pop(sequence)
        sequences = self._by_request[request]
        sequences.remove(sequence)
        if not sequences:
            del self._by_request[request]
        self._last_settled[entry.key] = max(self._last_settled.get(entry.key, 0), int(sequence))
