"""Where a key stands, from both sides and what else is known: each standing with the evidence that makes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.cache.agreement import Delivery, Knowledge, Letter, Standing, judge

NOW = 1_000_000.0
ITEM = {
    "Location": {"S": "Oslo"},
    "MaxTemp": {"N": "70"},
    "MinTemp": {"N": "50"},
    "ChancesOfPrecipitation": {"N": "0"},
    "TTL": {"N": "600"},
}
SAME = json.dumps({"Location": "Oslo", "MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "0"}).encode()
OTHER = SAME.replace(b"70", b"71")
DELIVERED, FAILED, RUNNING, HOLDING = Delivery.DELIVERED, Delivery.FAILED, Delivery.RUNNING, Delivery.HOLDING


def known(**facts: Any) -> Knowledge:
    """Knowledge whose times are given as seconds ago."""
    ago = ("changed_at", "delivery_at", "known_since")
    return Knowledge(**{name: NOW - value if name in ago else value for name, value in facts.items()})


@pytest.mark.parametrize(
    ("item", "cached", "knowledge", "standing", "certain", "reason"),
    [
        (None, None, known(), Standing.NEITHER, True, "Neither"),
        (ITEM, SAME, known(), Standing.EQUAL, True, "says what the table says"),
        # What the two sides hold counts more than what is said of them.
        (ITEM, SAME, known(delivery=FAILED, letter=Letter.POINTS_AT_IT), Standing.EQUAL, True, ""),
        ({**ITEM, "TTL": {"N": "0"}}, None, known(changed_at=1), Standing.NEVER_CACHED, True, "TTL is 0 s"),
        ({**ITEM, "TTL": {"N": "0"}}, OTHER, known(), Standing.STALE, True, "never cached"),
        ({**ITEM, "TTL": {"N": "0"}}, SAME, known(), Standing.EQUAL, True, ""),
        (ITEM, OTHER, known(changed_at=3), Standing.IN_FLIGHT, True, "changed 3.0 s ago"),
        (ITEM, None, known(changed_at=3), Standing.IN_FLIGHT, True, "changed 3.0 s ago"),
        (None, SAME, known(changed_at=3), Standing.IN_FLIGHT, True, "changed 3.0 s ago"),
        (ITEM, None, known(changed_at=40, delivery=RUNNING), Standing.IN_FLIGHT, True, "at work"),
        (ITEM, OTHER, known(changed_at=400, delivery=HOLDING), Standing.IN_FLIGHT, True, "tries again without end"),
        (ITEM, OTHER, known(delivery=FAILED, letter=Letter.POINTS_AT_IT), Standing.DEAD_LETTERED, True, "dead-letter"),
        (ITEM, None, known(letter=Letter.POINTS_AT_IT), Standing.DEAD_LETTERED, True, "dead-letter queue"),
        (None, SAME, known(letter=Letter.MAY_BE), Standing.DEAD_LETTERED, False, "one may be"),
        (ITEM, OTHER, known(letter=Letter.MAY_BE, delivery=DELIVERED), Standing.STALE, True, "other values"),
        (ITEM, None, known(delivery=DELIVERED, delivery_at=601), Standing.EXPIRED, True, "601 s ago with a TTL of 600"),
        (ITEM, None, known(delivery=DELIVERED, delivery_at=600), Standing.EXPIRED, True, ""),
        (ITEM, None, known(delivery=DELIVERED, delivery_at=599), Standing.MISSING, True, "evicted, flushed or deleted"),
        (ITEM, None, known(delivery=FAILED, error="HTTP 500"), Standing.MISSING, True, "HTTP 500"),
        (ITEM, None, known(known_since=600), Standing.EXPIRED, True, "No change in the last 600 s"),
        (ITEM, None, known(known_since=599), Standing.EXPIRED, False, "longer ago than is known"),
        (ITEM, None, known(), Standing.EXPIRED, False, "longer ago than is known"),
        (ITEM, None, known(letter=Letter.MAY_BE), Standing.EXPIRED, False, "one may be its delivery"),
        (ITEM, None, known(changed_at=90, known_since=900), Standing.MISSING, True, "changed 90 s ago"),
        (ITEM, None, known(changed_at=601, known_since=900), Standing.EXPIRED, False, ""),
        (ITEM, OTHER, known(changed_at=90), Standing.STALE, True, "other values"),
        (ITEM, b"\xff", known(), Standing.STALE, True, "other values"),
        (ITEM, OTHER, known(delivery=FAILED, error="HTTP 500"), Standing.STALE, True, "HTTP 500"),
        (None, SAME, known(), Standing.ORPHANED, True, "the cache still has one"),
        (None, b"", known(delivery=DELIVERED, delivery_at=9), Standing.ORPHANED, True, "the cache still has one"),
    ],
)
def test_each_standing_has_its_evidence(
    item: Any, cached: bytes | None, knowledge: Knowledge, standing: Standing, certain: bool, reason: str
) -> None:
    found = judge(item, cached, knowledge, NOW)

    assert (found.standing, found.certain) == (standing, certain)
    assert reason in found.reason
