"""The caches in memory: scalar items that expire. No I/O; time comes from the clock that is passed in.

An expired item is gone for every reader at once. Its memory is freed when it is read, or by the sweep: each write
looks at a few other items in turn, so the dead never outnumber the living by much, and no background task is needed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.momento.errors import AlreadyExists, CacheNotFound, TooMany, WrongType
from sandbox.momento.limits import (
    ITEM_BYTES,
    MAX_CACHES,
    MAX_STORED_BYTES,
    check_item,
    check_key,
    check_name,
    check_ttl,
)

#: How many other items each write looks at. Two are enough to overtake any rate of writes.
SWEEP_PER_WRITE = 2

INT64_MAX = 2**63 - 1


@dataclass(slots=True)
class Counts:
    """What the caches have been asked since the start, over both wires together."""

    sets: int = 0
    gets: int = 0
    hits: int = 0
    misses: int = 0
    deletes: int = 0


@dataclass(slots=True)
class Item:
    """A stored value and the clock's time (s) at which it is gone."""

    value: bytes
    expires_at: float


@dataclass(slots=True)
class Room:
    """What all caches may take together, and what they take, in bytes."""

    most: int = MAX_STORED_BYTES
    taken: int = 0


class Cache:
    """One cache. Every method raises InvalidArgument for an empty key; times to live are in ms."""

    def __init__(self, counts: Counts, room: Room, clock: Callable[[], float]) -> None:
        self._items: OrderedDict[bytes, Item] = OrderedDict()
        self._counts = counts
        self._room = room
        self._clock = clock

    def __len__(self) -> int:
        """How many items are held, expired ones that are not yet freed included."""
        return len(self._items)

    def get(self, key: bytes) -> bytes | None:
        """The value at the key, or None (a miss)."""
        check_key(key)
        self._counts.gets += 1
        item = self._live(key)
        if item is None:
            self._counts.misses += 1
            return None
        self._counts.hits += 1
        return item.value

    def set(self, key: bytes, value: bytes, ttl_ms: int) -> None:
        """Store the value. Raises InvalidArgument for the time to live, TooLarge for the size, TooMany without room."""
        check_item(key, value, ttl_ms)
        self._store(key, value, ttl_ms)

    def set_if_absent(self, key: bytes, value: bytes, ttl_ms: int) -> bool:
        """Store the value unless the key has one; returns whether it was stored. Raises as `set` does."""
        check_item(key, value, ttl_ms)
        if self._live(key) is not None:
            return False
        self._store(key, value, ttl_ms)
        return True

    def delete(self, key: bytes) -> None:
        """Remove the key if it is there."""
        check_key(key)
        self._counts.deletes += 1
        self._drop(key)

    def has(self, key: bytes) -> bool:
        """Whether the key has a value; counts as neither hit nor miss."""
        check_key(key)
        return self._live(key) is not None

    def remaining_ms(self, key: bytes) -> int | None:
        """How long the value will live on, in ms rounded up; None when there is none."""
        check_key(key)
        item = self._live(key)
        return None if item is None else max(1, int((item.expires_at - self._clock()) * 1000 + 0.999))

    def expire_in(self, key: bytes, ttl_ms: int) -> None:
        """Give a key that has a value a new time to live. Raises InvalidArgument for the time to live."""
        check_ttl(ttl_ms)
        item = self._live(key)
        if item is not None:
            item.expires_at = self._clock() + ttl_ms / 1000

    def increment(self, key: bytes, amount: int, ttl_ms: int) -> int:
        """Add to the decimal number at the key (0 when absent) and return the sum.

        Raises WrongType when the value is no number or the sum leaves 64 bits, InvalidArgument for the time to live.
        """
        check_key(key)
        check_ttl(ttl_ms)
        item = self._live(key)
        total = amount + (0 if item is None else _number(item.value))
        if not -INT64_MAX - 1 <= total <= INT64_MAX:
            raise WrongType("Increment leaves the range of a 64-bit number")
        self._store(key, str(total).encode(), ttl_ms)
        return total

    def flush(self) -> None:
        """Remove every item."""
        for key in list(self._items):
            self._drop(key)

    def _live(self, key: bytes) -> Item | None:
        item = self._items.get(key)
        if item is not None and item.expires_at <= self._clock():
            self._drop(key)
            return None
        return item

    def _drop(self, key: bytes) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self._room.taken -= _size(key, item.value)

    def _store(self, key: bytes, value: bytes, ttl_ms: int) -> None:
        now = self._clock()
        self._sweep(now)
        before = self._items.get(key)
        taken = self._room.taken + _size(key, value) - (0 if before is None else _size(key, before.value))
        if taken > self._room.most:
            raise TooMany(f"Storage limit exceeded: the caches hold {self._room.most // 2**20} MB")
        self._items[key] = Item(value, now + ttl_ms / 1000)
        self._room.taken = taken
        self._counts.sets += 1

    def _sweep(self, now: float) -> None:
        """Look at the items that have waited longest: drop the expired, put the others at the end of the queue."""
        for _ in range(min(SWEEP_PER_WRITE, len(self._items))):
            key = next(iter(self._items))
            if self._items[key].expires_at <= now:
                self._drop(key)
            else:
                self._items.move_to_end(key)


class Caches:
    """All caches by name, and what they have been asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most_bytes: int = MAX_STORED_BYTES) -> None:
        self.counts = Counts()
        self._room = Room(most_bytes)
        self._clock = clock
        self._caches: dict[str, Cache] = {}

    def open(self, name: str) -> Cache:
        """The cache. Raises InvalidArgument for an empty name, CacheNotFound when there is none."""
        cache = self._caches.get(name)
        if cache is None:
            check_name("Cache", name)
            raise CacheNotFound
        return cache

    def create(self, name: str) -> None:
        """Make an empty cache. Raises InvalidArgument for an empty name, AlreadyExists when it is there, TooMany."""
        check_name("Cache", name)
        if name in self._caches:
            raise AlreadyExists(f"Cache with name: {name} already exists")
        if len(self._caches) >= MAX_CACHES:
            raise TooMany(f"Limit exceeded: {MAX_CACHES} caches")
        self._caches[name] = Cache(self.counts, self._room, self._clock)

    def delete(self, name: str) -> None:
        """Remove the cache and all in it. Raises as `open` does."""
        self.open(name).flush()
        del self._caches[name]

    def names(self) -> list[str]:
        """The names of all caches, sorted."""
        return sorted(self._caches)


def _size(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + ITEM_BYTES


def _number(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise WrongType("The value at the key is not a number") from None
