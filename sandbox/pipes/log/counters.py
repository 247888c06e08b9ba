"""What a pipe counts while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class Counters:
    """Counts of records by what became of them, and what the pipe is doing now.

    Every record that was picked up is exactly one of filtered, delivered, dead_lettered, dropped or in flight.
    """

    filtered: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    dropped: int = 0
    failed_attempts: int = 0
    internal_errors: int = 0
    trimmed: int = 0
    in_flight: int = 0
    lag_ms: float | None = None
    backing_off_s: float = 0.0
    dead_letter_refusal: str = ""
    _holds: dict[str, tuple[str, str]] = field(default_factory=dict)

    def hold(self, place: str, reason: str) -> None:
        """The pipe stands still in a lane of a shard, or cannot read a shard. The time of the first is kept."""
        since = self._holds.get(place, (datetime.now(UTC).isoformat(timespec="milliseconds"), ""))[0]
        self._holds[place] = (since, reason)

    def release(self, place: str) -> None:
        """The lane or shard goes on."""
        self._holds.pop(place, None)

    def release_all(self) -> None:
        """Nothing is held any more: the pipe was stopped."""
        self._holds.clear()
        self.dead_letter_refusal = ""
        self.backing_off_s = 0.0

    def delivered_records(self, records: Sequence[dict[str, Any]]) -> None:
        """Count the delivery of a batch and take the lag of its last record."""
        self.delivered += len(records)
        self.lag_ms = max(0.0, time.time() * 1000 - written_at_ms(records[-1]))

    def as_dict(self) -> dict[str, Any]:
        """All counts, for the admin port."""
        since, reason = min(self._holds.values(), default=(None, ""))
        return {
            "read": self.filtered + self.delivered + self.dead_lettered + self.dropped + self.in_flight,
            "filtered": self.filtered,
            "delivered": self.delivered,
            "dead_lettered": self.dead_lettered,
            "dropped": self.dropped,
            "failed_attempts": self.failed_attempts,
            "internal_errors": self.internal_errors,
            "trimmed": self.trimmed,
            "in_flight": self.in_flight,
            "lag_ms": None if self.lag_ms is None else round(self.lag_ms, 1),
            "backing_off_ms": round(1000 * self.backing_off_s),
            "holding_since": since,
            "holding_reason": reason,
        }


def written_at_ms(record: dict[str, Any]) -> float:
    """When the record was written, in epoch ms.

    ApproximateCreationDateTime has whole seconds. The emulator's sequence numbers begin with the milliseconds,
    which is used where both agree.
    """
    change = record["dynamodb"]
    created_ms = float(change["ApproximateCreationDateTime"]) * 1000
    sequence_ms = int(change["SequenceNumber"][:20])
    return float(sequence_ms) if created_ms - 1 <= sequence_ms <= created_ms + 1000 else created_ms
