"""What the lookups of this process did, as counts over time and by latency: small whatever their number.

Lookups are counted into buckets of BUCKET_S seconds and into classes of latency that double in width, as they
happen; drawing never walks over lookups.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

#: Seconds of a bucket, and how many are kept: an hour.
BUCKET_S = 10
BUCKETS = 360
#: Upper bounds of the latency classes in milliseconds; slower ones are one more class.
BOUNDS_MS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


@dataclass(frozen=True)
class Counts:
    """Sums over some lookups.

    `saved` are table reads that a hit made unnecessary, `saved_units` what they would have consumed, `units` what was
    consumed, `cache_bytes` what the cache gave and took. Times in milliseconds.
    """

    hits: int = 0
    misses: int = 0
    table_reads: int = 0
    saved: int = 0
    units: float = 0.0
    saved_units: float = 0.0
    cache_bytes: int = 0
    cache_ms: float = 0.0
    table_ms: float = 0.0

    @property
    def reads(self) -> int:
        """Reads of the cache."""
        return self.hits + self.misses

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Bucket:
    """The lookups of BUCKET_S seconds that began at the epoch second `start`."""

    start: int
    counts: Counts


@dataclass(frozen=True)
class Latencies:
    """How many calls fell into each class of BOUNDS_MS, and into the one above all."""

    classes: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)

    def with_one(self, milliseconds: float) -> Latencies:
        """These and one more."""
        place = bisect.bisect_left(BOUNDS_MS, milliseconds)
        return Latencies((*self.classes[:place], self.classes[place] + 1, *self.classes[place + 1 :]))


@dataclass(frozen=True)
class Stats:
    """Everything counted so far: since the start, per bucket (oldest first), and by latency."""

    total: Counts = Counts()
    buckets: tuple[Bucket, ...] = ()
    cache: Latencies = Latencies()
    table: Latencies = Latencies()


@dataclass(frozen=True)
class Noted:
    """One lookup as it is counted: what each side took in milliseconds, None for a side that was not asked."""

    counts: Counts
    cache_ms: float | None = None
    table_ms: float | None = None


@dataclass
class _Open:
    start: int = 0
    counts: Counts = field(default_factory=Counts)


class LookupStats:
    """Counts lookups. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._total = Counts()
        self._buckets: deque[_Open] = deque(maxlen=BUCKETS)
        self._cache, self._table = Latencies(), Latencies()

    def note(self, lookup: Noted) -> None:
        """Counts one lookup."""
        with self._lock:
            start = int(self._clock()) // BUCKET_S * BUCKET_S
            # A clock that was set back counts into the newest bucket, so that buckets stay in order.
            if not self._buckets or start > self._buckets[-1].start:
                self._buckets.append(_Open(start))
            self._buckets[-1].counts += lookup.counts
            self._total += lookup.counts
            if lookup.cache_ms is not None:
                self._cache = self._cache.with_one(lookup.cache_ms)
            if lookup.table_ms is not None:
                self._table = self._table.with_one(lookup.table_ms)

    @property
    def total(self) -> Counts:
        """The sums since the start."""
        return self._total

    def snapshot(self) -> Stats:
        """All of it at this moment."""
        with self._lock:
            buckets = tuple(Bucket(each.start, each.counts) for each in self._buckets)
            return Stats(self._total, buckets, self._cache, self._table)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that `share` (0 to 1) of the values do not exceed, from values in ascending order; None without any."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
