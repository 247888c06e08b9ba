"""Whether the cache and the table say the same of one location. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum

#: The numbers that the cache-put pipe's template carries over, beside Location.
NUMBERS = ("MaxTemp", "MinTemp", "ChancesOfPrecipitation")


class Agreement(Enum):
    """What a look at both sides shows."""

    EQUAL = "equal"
    NEITHER = "in neither"
    MISS = "in the table only"
    ORPHANED = "in the cache only"
    DIFFERENT = "different"


def agreement(item: Mapping[str, str] | None, cached: bytes | None) -> Agreement:
    """How the table's item and the cache's value stand to each other."""
    if item is None:
        return Agreement.NEITHER if cached is None else Agreement.ORPHANED
    if cached is None:
        return Agreement.MISS
    return Agreement.EQUAL if same(item, cached) else Agreement.DIFFERENT


def same(item: Mapping[str, str], cached: bytes) -> bool:
    """Whether a cache value carries exactly the item's values. Numbers are compared as numbers: "70" equals 70.0."""
    try:
        value = json.loads(cached)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or value.get("Location", "") != item.get("Location", ""):
        return False
    return all(_equal(item.get(name, ""), value.get(name, "")) for name in NUMBERS)


def _equal(left: object, right: object) -> bool:
    if str(left) == str(right):
        return True
    try:
        return Decimal(str(left)) == Decimal(str(right))
    except InvalidOperation:
        return False
