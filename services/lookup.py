"""Looking one location up on both sides: the cache as an application would, and the table behind it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta

from provision import names
from services.agreement import Agreement, agreement
from services.errors import DashboardError
from services.momento import CacheRead, MomentoCache
from services.weather import TableRead, WeatherTable


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


@dataclass(frozen=True)
class Tally:
    """Lookups of this process since it started: cache hits and misses, table reads and what they consumed."""

    hits: int = 0
    misses: int = 0
    table_reads: int = 0
    capacity_units: float = 0.0


class Lookups:
    """Looks locations up and keeps the tally. Safe to share between threads."""

    def __init__(self, cache: MomentoCache, table: WeatherTable) -> None:
        self._cache = cache
        self._table = table
        self._lock = threading.Lock()
        self._tally = Tally()

    def tally(self) -> Tally:
        """The counts so far."""
        return self._tally

    def look_up(self, location: str) -> Lookup:
        """Reads both sides. Never raises a DashboardError: each side's error is in the result."""
        result = self._with_table(self._with_cache(Lookup(location, None, None, None)))
        with self._lock:
            self._tally = _counted(self._tally, result)
        return result

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


def _counted(tally: Tally, result: Lookup) -> Tally:
    hit = result.cache is not None and result.cache.hit
    miss = result.cache is not None and not result.cache.hit
    read = result.table is not None
    units = result.table.capacity_units if result.table else 0.0
    return Tally(tally.hits + hit, tally.misses + miss, tally.table_reads + read, tally.capacity_units + units)
