"""Batches of stream records: how they are cut, and what a target says of their items.

One batch is one execution. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.pipes.stream.stream_records import created_s, sequence_of, size_of
from sandbox.pipes.syntax.json_paths import parse

#: Bytes that a batch has at most, unless one record alone has more.
MAXIMUM_BATCH_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Batching:
    """How a pipe collects records: `window_s` is how long it waits for a batch to fill; `lanes` is its
    ParallelizationFactor."""

    size: int
    window_s: float
    lanes: int


@dataclass(frozen=True)
class Batch:
    """Records of one shard in stream order, never none. `lane` names the shard's lane that they came through."""

    shard_id: str
    lane: str
    records: tuple[dict[str, Any], ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all records."""
        return sum(size_of(record) for record in self.records)

    def cut(self, position: int) -> tuple[Batch, Batch]:
        """The records before `position` and those from there on."""
        return replace(self, records=self.records[:position]), replace(self, records=self.records[position:])


class InvalidItemFailures(Exception):
    """Raised when an answer's batchItemFailures cannot be read: the whole batch has failed then."""


def first_failed_item(batch: Batch, answer: str) -> int | None:
    """Position of the first record that a target's answer reports as failed, None when it reports none.

    An answer that is no JSON object with `batchItemFailures` reports none, and so does an empty or null list. Items
    are named by eventID, or by sequence number as Lambda's event source mappings do. Raises InvalidItemFailures.
    """
    if '"batchItemFailures"' not in answer:
        return None
    try:
        parsed = parse(answer)
    except ValueError:
        return None
    failures = parsed.get("batchItemFailures") if isinstance(parsed, dict) else None
    if not failures:
        return None
    if not isinstance(failures, list):
        raise InvalidItemFailures("batchItemFailures is not a list.")
    return min(_position(batch, failure) for failure in failures)


def _position(batch: Batch, failure: Any) -> int:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if identifier:
        for position, record in enumerate(batch.records):
            if identifier in (record.get("eventID"), sequence_of(record)):
                return position
    raise InvalidItemFailures("batchItemFailures names an item that is not in the batch.")


def expired_count(batch: Batch, is_too_old: Callable[[float], bool]) -> int:
    """How many records at the beginning of a batch are too old. Those behind them are younger."""
    for position, record in enumerate(batch.records):
        if not is_too_old(created_s(record)):
            return position
    return len(batch.records)


def bisected(batch: Batch, remaining: Batch) -> list[Batch]:
    """What is to be tried next after `remaining` of `batch` failed: that alone when it is less, or else its halves.

    Nothing when there is a single record, which cannot be halved.
    """
    if len(remaining.records) < len(batch.records):
        return [remaining]
    if len(batch.records) == 1:
        return []
    return list(batch.cut((len(batch.records) + 1) // 2))
