"""What a pipe counts while it runs."""

from __future__ import annotations

import time
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
    _holds: dict[str, tuple[str, str]] = field(default_factory=dict)

    def hold(self, shard_id: str, reason: str) -> None:
        """The pipe stands still at a record of this shard, or cannot read it. The time of the first is kept."""
        since = self._holds.get(shard_id, (datetime.now(UTC).isoformat(timespec="milliseconds"), ""))[0]
        self._holds[shard_id] = (since, reason)

    def release(self, shard_id: str) -> None:
        """The shard goes on."""
        self._holds.pop(shard_id, None)

    def release_all(self) -> None:
        """Nothing is held any more: the pipe was stopped."""
        self._holds.clear()

    def delivered_record(self, record: dict[str, Any]) -> None:
        """Count a delivery and take its lag."""
        self.delivered += 1
        self.lag_ms = max(0.0, time.time() * 1000 - written_at_ms(record))

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
