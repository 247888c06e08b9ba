"""What the runtime reads out of a stream record, as GetRecords gives it."""

from __future__ import annotations

from typing import Any


def sequence_of(record: dict[str, Any]) -> str:
    """Its sequence number."""
    return str(record["dynamodb"]["SequenceNumber"])


def size_of(record: dict[str, Any]) -> int:
    """Its bytes, as the stream counts them."""
    return int(record["dynamodb"]["SizeBytes"])


def created_s(record: dict[str, Any]) -> float:
    """When the item was written, in epoch s; AWS gives whole seconds."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
