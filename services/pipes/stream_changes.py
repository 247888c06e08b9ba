"""Changes of the table, as its stream has them, and which of them a pipe wants, as far as its filter tells. Pure.

DynamoDB gives the moment of a change in whole seconds: what is measured from it may be up to a second too long.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.text import encodable


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `created_s` is in epoch seconds; `key` is the whole key as JSON."""

    sequence: str
    event_name: str
    key: str
    created_s: float
    size: int = 0
    shard: str = ""


def change_of(record: Mapping[str, Any], shard: str = "") -> Change | None:
    """The change of a stream record as GetRecords gives it; None when it is no such record."""
    try:
        image = record["dynamodb"]
        created = image["ApproximateCreationDateTime"]
        return Change(
            sequence=encodable(str(image["SequenceNumber"])),
            event_name=encodable(str(record.get("eventName", ""))),
            key=encodable(json.dumps(image.get("Keys", {}), sort_keys=True)),
            created_s=created.timestamp() if isinstance(created, datetime) else float(created),
            size=int(image.get("SizeBytes", 0)),
            shard=shard,
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def in_order(sequence: str) -> tuple[int, str]:
    """What sorts sequence numbers, which are digits without a fixed length."""
    digits = sequence.lstrip("0")
    return len(digits), digits


def wanted(filters: Iterable[str], event_name: str) -> bool | None:
    """Whether a pipe with these filter patterns takes a change; None when its event name alone does not tell."""
    answers = [_matches(pattern, event_name) for pattern in filters]
    if not answers or True in answers:
        return True
    return None if None in answers else False


def _matches(pattern: str, event_name: str) -> bool | None:
    try:
        content = json.loads(pattern)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if not content:
        return True
    names = content.get("eventName")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if event_name not in names:
        return False
    return True if len(content) == 1 else None
