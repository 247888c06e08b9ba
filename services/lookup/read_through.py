"""Looking locations up: through the cache as an application would, or on both sides to hold them against each other.

    read through   cache ─ hit ──────────────────────────────▶ the cache's value, and a table read saved
                         └ miss ─▶ table ─ found ─▶ fill ────▶ the table's record, cached for the next reader
                                         └ not there ────────▶ nothing

The table is read strongly consistently, because an old record in a fresh cache item would live for its whole TTL. A
fill never overwrites (SetIfNotExists): what a pipe delivered meanwhile is newer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from math import ceil

from core import names
from core.errors import DashboardError
from core.momento_client import CacheRead, MomentoCache
from services.cache.agreement import Agreement, agreement
from services.cache.document import document, never_cached
from services.lookup.stats import Counts, LookupStats, Noted
from services.weather.table import TableRead, WeatherTable

#: DynamoDB counts one unit for each such block of a strongly consistent read.
READ_BLOCK_BYTES = 4096
#: Looked-up locations that are remembered: a key that only the cache has is found among keys that were heard of.
REMEMBERED = 10_000


@dataclass(frozen=True)
class Lookup:
    """What both sides answered. A side that failed has None and its error; the other still counts."""

    location: str
    cache: CacheRead | None
    remaining_ttl: timedelta | None
    table: TableRead | None
    cache_error: DashboardError | None = None
    table_error: DashboardError | None = None

    @property
    def agreement(self) -> Agreement | None:
        """How the two sides stand to each other, or None when one of them could not be read."""
        if self.cache is None or self.table is None:
            return None
        return agreement(self.table.item, self.cache.value)


class Fill(Enum):
    """What became of the cache after a miss."""

    NOT_WANTED = "not wanted"
    FILLED = "filled"
    #: The key had a value again: a pipe, or another reader, was faster.
    THERE_ALREADY = "there already"
    NEVER_CACHED = "never cached"
    FAILED = "failed"


@dataclass(frozen=True)
class ReadThrough:
    """What an application would have got, and the way it took.

    `cache` and `table` are None when that side was not asked, or failed. `fill` is None unless a record was read from
    the table; `fill_note` says why there was no fill. A cache that fails does not stop an application.
    """

    location: str
    cache: CacheRead | None = None
    table: TableRead | None = None
    cache_error: DashboardError | None = None
    table_error: DashboardError | None = None
    fill: Fill | None = None
    fill_note: str = ""
    fill_bytes: int = 0

    @property
    def hit(self) -> bool:
        """Whether the cache had it."""
        return self.cache is not None and self.cache.hit


@dataclass(frozen=True)
class Tally:
    """Lookups of this process since it started: cache hits and misses, table reads and what they consumed."""

    hits: int = 0
    misses: int = 0
    table_reads: int = 0
    capacity_units: float = 0.0


class Lookups:
    """Looks locations up and counts what that took. Safe to share between threads."""

    def __init__(self, cache: MomentoCache, table: WeatherTable) -> None:
        self._cache = cache
        self._table = table
        self.stats = LookupStats()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def tally(self) -> Tally:
        """The counts so far."""
        total = self.stats.total
        return Tally(total.hits, total.misses, total.table_reads, total.units)

    def look_up(self, location: str) -> Lookup:
        """Reads both sides. Never raises a DashboardError: each side's error is in the result."""
        self._remember(location)
        result = self._with_table(self._with_cache(Lookup(location, None, None, None)))
        self.stats.note(_noted(result.cache, result.table, saves=False))
        return result

    def read_through(self, location: str, fill: bool) -> ReadThrough:
        """Reads as an application would, and caches what it read if `fill`. Never raises a DashboardError."""
        self._remember(location)
        result = self._through_cache(ReadThrough(location))
        if not result.hit:
            result = self._through_table(result)
            if fill:
                result = self._filled(result)
        self.stats.note(_noted(result.cache, result.table, saves=True, filled_bytes=result.fill_bytes))
        return result

    def remaining_ttl(self, location: str) -> timedelta | None:
        """How long the cache will still have it; None when it has not. Raises DashboardError."""
        return self._cache.remaining_ttl(names.CACHE, location)

    def recent(self) -> tuple[str, ...]:
        """The locations that were looked up last, REMEMBERED at most."""
        with self._lock:
            return tuple(self._recent)

    def _remember(self, location: str) -> None:
        with self._lock:
            self._recent[location] = None
            self._recent.move_to_end(location)
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)

    def _with_cache(self, result: Lookup) -> Lookup:
        try:
            read = self._cache.get(names.CACHE, result.location)
            ttl = self._cache.remaining_ttl(names.CACHE, result.location) if read.hit else None
        except DashboardError as error:
            return replace(result, cache_error=error)
        return replace(result, cache=read, remaining_ttl=ttl)

    def _with_table(self, result: Lookup) -> Lookup:
        try:
            return replace(result, table=self._table.get(result.location))
        except DashboardError as error:
            return replace(result, table_error=error)

    def _through_cache(self, result: ReadThrough) -> ReadThrough:
        try:
            return replace(result, cache=self._cache.get(names.CACHE, result.location))
        except DashboardError as error:
            return replace(result, cache_error=error)

    def _through_table(self, result: ReadThrough) -> ReadThrough:
        try:
            read = self._table.get(result.location)
        except DashboardError as error:
            return replace(result, table_error=error)
        return replace(result, table=read, fill=None if read.raw is None else Fill.NOT_WANTED)

    def _filled(self, result: ReadThrough) -> ReadThrough:
        raw = result.table.raw if result.table else None
        if raw is None:
            return result
        wanted = document(raw)
        if wanted is None:
            return replace(result, fill=Fill.NEVER_CACHED, fill_note=never_cached(raw))
        if result.cache_error is not None:
            return replace(result, fill=Fill.FAILED, fill_note="The cache did not answer, so it was not filled.")
        try:
            stored = self._cache.set_if_absent(names.CACHE, result.location, wanted.body, wanted.ttl_s)
        except DashboardError as error:
            return replace(result, fill=Fill.FAILED, fill_note=str(error))
        return replace(
            result, fill=Fill.FILLED if stored else Fill.THERE_ALREADY, fill_bytes=len(wanted.body) if stored else 0
        )


def _noted(cache: CacheRead | None, table: TableRead | None, *, saves: bool, filled_bytes: int = 0) -> Noted:
    value = cache.value if cache is not None and cache.value is not None else b""
    hit = cache is not None and cache.hit
    saved = hit and saves
    counts = Counts(
        hits=int(hit),
        misses=int(cache is not None and not cache.hit),
        table_reads=int(table is not None),
        saved=int(saved),
        units=table.capacity_units if table else 0.0,
        saved_units=float(max(1, ceil(len(value) / READ_BLOCK_BYTES))) if saved else 0.0,
        cache_bytes=len(value) + filled_bytes,
        cache_ms=cache.latency_ms if cache else 0.0,
        table_ms=table.latency_ms if table else 0.0,
    )
    return Noted(counts, cache.latency_ms if cache else None, table.latency_ms if table else None)
