"""Whether the cache and the table say the same of one location, and where they do not, what that means. Pure.

`agreement` is what one look at both sides shows. `judge` holds that against what else is known of the key: the changes
and deliveries that the topic and the pipes' log tell of, and the dead letters. It expects a difference to have been
looked at twice, since a record on its way differs for a moment.

The pipes that put and delete know nothing of each other, so each may overtake the other for one key:

    put held up, the delete after it overtakes      the late put brings the item back: in the cache only, until its TTL
    delete held up, the put after it overtakes      the late delete removes the newer item: in the table only
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum

from core import names
from services.cache.document import NUMBERS, Item, never_cached

#: A change that is younger than this many seconds may still be on its way to the cache.
IN_FLIGHT_S = 5.0


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


class Standing(Enum):
    """Where a key stands."""

    EQUAL = "equal"
    IN_FLIGHT = "in flight"
    EXPIRED = "expired"
    DEAD_LETTERED = "dead-lettered"
    STALE = "stale"
    MISSING = "missing"
    ORPHANED = "orphaned"
    NEITHER = "in neither"
    NEVER_CACHED = "never cached"


#: The standings that a repair changes.
REPAIRABLE = frozenset({Standing.STALE, Standing.MISSING, Standing.ORPHANED, Standing.DEAD_LETTERED, Standing.EXPIRED})


class Delivery(Enum):
    """What the pipes' log says of the newest execution that had to bring the key into the cache, or out of it."""

    DELIVERED = "delivered"
    FAILED = "failed"
    RUNNING = "running"
    HOLDING = "holding"


class Letter(Enum):
    """Whether a dead letter points at the key."""

    NONE = "none"
    #: There are letters of this pipe whose record nobody knows.
    MAY_BE = "may be"
    POINTS_AT_IT = "points at it"


@dataclass(frozen=True)
class Knowledge:
    """What else is known of a key. Times in epoch seconds, None for never seen.

    `changed_at` is the newest change that the topic or the log tells of. `delivery` and `delivery_at` are of the newest
    execution for the key; `other_at` is when the other pipe of the cache delivered last (cache-delete for a key of the
    table, else cache-put). `known_since`: every change after this moment would be known; None when nothing says so.
    """

    changed_at: float | None = None
    delivery: Delivery | None = None
    delivery_at: float | None = None
    other_at: float | None = None
    error: str = ""
    letter: Letter = Letter.NONE
    known_since: float | None = None

    @property
    def overtaken(self) -> bool:
        """Whether the other pipe's delivery arrived after that of the pipe that counts."""
        delivered_at = self.delivery_at if self.delivery is Delivery.DELIVERED else None
        return delivered_at is not None and self.other_at is not None and self.other_at > delivered_at


@dataclass(frozen=True)
class Judgement:
    """Where a key stands and the reason in words; `certain` is False where it is the likeliest of several."""

    standing: Standing
    reason: str
    certain: bool = True


def judge(item: Item | None, cached: bytes | None, known: Knowledge, now: float) -> Judgement:
    """Where a key stands, from what both sides held when looked at (epoch seconds `now`), and what else is known."""
    if item is None and cached is None:
        return Judgement(Standing.NEITHER, "Neither the cache nor the table has it.")
    if item is not None and cached is not None and same(texts(item), cached):
        return Judgement(Standing.EQUAL, "The cache says what the table says.")
    if item is not None and cached is None and (why := never_cached(item)):
        return Judgement(Standing.NEVER_CACHED, f"{why} The table keeps it.")
    under_way = _under_way(known, now)
    if under_way:
        return Judgement(Standing.IN_FLIGHT, under_way)
    if known.letter is Letter.POINTS_AT_IT:
        return Judgement(Standing.DEAD_LETTERED, f"Its delivery failed and is in the dead-letter queue. {known.error}")
    if item is not None and cached is None:
        return _absent(int(item["TTL"]["N"]), known, now)
    return _wrong(item, known)


def _under_way(known: Knowledge, now: float) -> str:
    """Why a difference may still pass, or ""."""
    if known.delivery is Delivery.HOLDING:
        return "A pipe holds it back: the target cannot be reached, and Pipes tries again without end."
    if known.delivery is Delivery.RUNNING:
        return "A pipe is at work on it."
    if known.changed_at is not None and now - known.changed_at < IN_FLIGHT_S:
        return f"It changed {max(0.0, now - known.changed_at):.1f} s ago."
    return ""


def _absent(ttl_s: int, known: Knowledge, now: float) -> Judgement:
    """The table's item is not in the cache: forgotten, or never arrived."""
    if known.delivery is Delivery.DELIVERED and known.delivery_at is not None:
        age_s = now - known.delivery_at
        if age_s >= ttl_s:
            return Judgement(
                Standing.EXPIRED, f"Delivered {age_s:,.0f} s ago with a TTL of {ttl_s:,} s. The table keeps it."
            )
        words = f"Delivered {age_s:,.0f} s ago with a TTL of {ttl_s:,} s, and it is gone"
        if known.overtaken:
            late = "cache-delete came after it. A late delete, of an older change, removed the newer item"
            return Judgement(Standing.MISSING, f"{words}: {late}.")
        return Judgement(Standing.MISSING, f"{words}: evicted, flushed or deleted, perhaps by a late cache-delete.")
    if known.delivery is Delivery.FAILED:
        return Judgement(Standing.MISSING, f"Its delivery failed. {known.error}".strip())
    if known.known_since is not None and known.known_since <= now - ttl_s and known.changed_at is None:
        return Judgement(Standing.EXPIRED, f"No change in the last {ttl_s:,} s, which is its TTL. The table keeps it.")
    if known.changed_at is not None and now - known.changed_at < ttl_s:
        return Judgement(
            Standing.MISSING,
            f"It changed {now - known.changed_at:,.0f} s ago with a TTL of {ttl_s:,} s.{_letters(known)}",
        )
    words = f"Its TTL of {ttl_s:,} s probably ran out; the last delivery is longer ago than is known.{_letters(known)}"
    return Judgement(Standing.EXPIRED, words, certain=False)


def _wrong(item: Item | None, known: Knowledge) -> Judgement:
    """The cache has a value that it should not have."""
    if known.letter is Letter.MAY_BE and known.delivery is not Delivery.DELIVERED:
        words = "The dead-letter queue has messages of this pipe whose record is not known; one may be its delivery."
        return Judgement(Standing.DEAD_LETTERED, words, certain=False)
    failed = f" Its delivery failed. {known.error}".rstrip() if known.delivery is Delivery.FAILED else ""
    if item is None:
        late = " cache-put came after cache-delete: a late put brought the item back." if known.overtaken else ""
        words = f"The table has no such record, and the cache still has one.{late}{failed}"
        return Judgement(Standing.ORPHANED, words)
    refused = never_cached(item)
    why = f" The present one is never cached: {refused}" if refused else ""
    return Judgement(Standing.STALE, f"The cache has other values than the table.{failed}{why}")


def _letters(known: Knowledge) -> str:
    if known.letter is not Letter.MAY_BE:
        return ""
    return " The dead-letter queue has messages of this pipe whose record is not known; one may be its delivery."


def texts(item: Item) -> dict[str, str]:
    """An item's attributes as texts; a number that is not of DynamoDB's type N counts as absent, as for the pipe."""
    numbers = {name: str(item.get(name, {}).get("N", "")) for name in NUMBERS}
    return {names.TABLE_KEY: str(item.get(names.TABLE_KEY, {}).get("S", "")), **numbers}
