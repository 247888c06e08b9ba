"""One pipe's place in one shard: it moves over records that are done with, never over one that is not."""

from __future__ import annotations

from collections import deque
from typing import Any

from sandbox.pipes.stream.stream_records import sequence_of


class Cursor:
    """The place, and what was taken beyond it. Records may be done with in another order than they were taken in.

    `sequence` is that of the last record up to which everything is done with, "" at the start.
    """

    def __init__(self) -> None:
        self.sequence = ""
        self._taken: deque[str] = deque()
        self._done: set[str] = set()

    @property
    def undone(self) -> int:
        """How many records lie between the place and the last one taken."""
        return len(self._taken)

    @property
    def reading_place(self) -> str:
        """Sequence number of the last record taken, "" at the start."""
        return self._taken[-1] if self._taken else self.sequence

    def take(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take the next records. Returns those of them that are not done with already."""
        sequences = [sequence_of(record) for record in records]
        self._taken.extend(sequences)
        wanted = [record for record, sequence in zip(records, sequences, strict=True) if sequence not in self._done]
        self._advance()
        return wanted

    def done(self, record: dict[str, Any]) -> None:
        """A record was filtered out, delivered, dropped, or its dead letter was accepted."""
        self._done.add(sequence_of(record))
        self._advance()

    def go_back(self) -> None:
        """Read on from the place: what was taken beyond it and is not done comes again."""
        self._taken.clear()

    def restart(self) -> None:
        """The record at the place is not there any more: read on from the oldest one."""
        self.sequence = ""
        self._taken.clear()

    def _advance(self) -> None:
        while self._taken and self._taken[0] in self._done:
            self.sequence = self._taken.popleft()
            self._done.remove(self.sequence)
