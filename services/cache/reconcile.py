"""Bringing the cache to what the table says of one key now, safely while others write (DESIGN decision 9).

    read the cache ─▶ read the table ─▶ they agree, and the table is as it was before: done, with proof
          ▲                 │
          │                 └─ they do not: delete the cache's value, or put the table's where there is none
          └──────────────────────────┘ and look again

A value in the cache is never overwritten: a wrong one is deleted, and the table's is put only while the key is absent
(SetIfNotExists). So a value that a pipe delivered meanwhile always wins, and between any two steps the cache holds
nothing older than before; readers that miss go to the table. The one thing that can come back is a key that is deleted
between the read of the table and the put; the look that follows each put finds and deletes it.

The lifetime of what is put is the item's whole TTL, as the pipe would give it: nobody knows when the item was written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from core import names
from core.errors import DashboardError
from core.momento_client import MomentoCache
from services.cache.agreement import same, texts
from services.cache.document import CacheDocument, document, never_cached
from services.weather.paging import AT_ONCE
from services.weather.table import TableRead, WeatherTable

#: Changes of the cache, and of the table under our hands, before it is given up.
ROUNDS = 12
#: Pause before another round, in seconds, growing by as much with each.
PAUSE_S = 0.02
#: Keys of many that are read in the cache, or acted on, at once.
_READERS = 8


class Outcome(Enum):
    """What became of a key."""

    PUT = "put"
    DELETED = "deleted"
    ALREADY_RIGHT = "already right"
    GAVE_UP = "gave up"


@dataclass(frozen=True)
class Reconciled:
    """What was done for one key, why, and what both sides held at the end; `units` are read capacity units."""

    location: str
    outcome: Outcome
    why: str
    item: Mapping[str, str] | None = None
    cached: bytes | None = None
    units: float = 0.0


class Step(Enum):
    """What a look at both sides asks for."""

    PUT = "put"
    DELETE = "delete"
    NOTHING = "nothing"


def step(table: TableRead, cached: bytes | None) -> Step:
    """What brings the cache to the table. Pure."""
    if cached is None:
        return Step.NOTHING if _wanted(table) is None else Step.PUT
    # An item that Momento refuses may be cached from before, with the same values: that is right.
    agrees = table.raw is not None and same(texts(table.raw), cached)
    return Step.NOTHING if agrees else Step.DELETE


def goal(table: TableRead, cached: bytes | None) -> Step:
    """What the cache will have got by reconciling: the table's item put, its value deleted, or nothing. Pure.

    A wrong value is deleted before the table's is put, so the first step may be another one.
    """
    if step(table, cached) is Step.NOTHING:
        return Step.NOTHING
    return Step.DELETE if _wanted(table) is None else Step.PUT


def _wanted(table: TableRead) -> CacheDocument | None:
    return None if table.raw is None else document(table.raw)


class Reconciler:
    """Reconciles keys. Knows nothing of who asks. Safe to share between threads."""

    def __init__(self, cache: MomentoCache, table: WeatherTable) -> None:
        self._cache = cache
        self._table = table

    def reconcile(self, location: str) -> Reconciled:
        """Brings one key right and proves it. Never raises a DashboardError: then it is GAVE_UP, with why."""
        attempt = _Attempt(self._cache, location)
        try:
            while True:
                # The cache first: what it held agrees with the table as it is after that, and after any put of ours.
                cached = self._cache.get(names.CACHE, location).value
                done = attempt.looked(cached, self._table.get(location))
                if done is not None:
                    return done
        except DashboardError as error:
            return attempt.given_up(str(error))

    def reconcile_all(self, locations: Sequence[str]) -> dict[str, Reconciled]:
        """As `reconcile` for many keys, by location: the table is read for AT_ONCE of them together.

        Their lookups go on at the same time. `units` are not known then, and are 0.
        """
        done: dict[str, Reconciled] = {}
        with ThreadPoolExecutor(_READERS, thread_name_prefix="reconcile") as pool:
            for start in range(0, len(locations), AT_ONCE):
                attempts = {each: _Attempt(self._cache, each) for each in locations[start : start + AT_ONCE]}
                while attempts:
                    ended = self._round(pool, attempts)
                    done.update(ended)
                    attempts = {location: each for location, each in attempts.items() if location not in ended}
        return done

    def _round(self, pool: Executor, attempts: Mapping[str, _Attempt]) -> dict[str, Reconciled]:
        """One look at all keys and what it asks for: those that have come to their end."""

        def read(location: str) -> bytes | DashboardError | None:
            try:
                return self._cache.get(names.CACHE, location).value
            except DashboardError as error:
                return error

        def looked(location: str, table: TableRead) -> Reconciled | None:
            cached = held[location]
            try:
                if isinstance(cached, DashboardError):
                    raise cached
                return attempts[location].looked(cached, table)
            except DashboardError as error:
                return attempts[location].given_up(str(error))

        held = dict(zip(attempts, pool.map(read, attempts), strict=True))
        try:
            tables = self._table.get_many(list(attempts))
        except DashboardError as error:
            return {location: each.given_up(str(error)) for location, each in attempts.items()}
        results = pool.map(looked, tables, tables.values())
        return {location: result for location, result in zip(tables, results, strict=True) if result is not None}


class _Attempt:
    """One reconcile of one key under way."""

    def __init__(self, cache: MomentoCache, location: str) -> None:
        self._cache = cache
        self._location = location
        self._units = 0.0
        self._looks = 0
        self._last = Step.NOTHING
        self._put_at = 0.0

    def looked(self, cached: bytes | None, table: TableRead) -> Reconciled | None:
        """Takes a look at both sides, and acts on it. Returns the end, or None: look again. Raises DashboardError."""
        self._looks += 1
        self._units += table.capacity_units
        if self._ran_out(table, cached):
            return self._done(table, cached, "It was put, and its TTL has run out since.")
        todo = step(table, cached)
        if todo is Step.NOTHING:
            return self._done(table, cached, self._why(table, cached))
        self._act(todo, table)
        if self._looks >= ROUNDS:
            return self.given_up("The record kept changing while it was brought right.")
        # A put takes three rounds when nobody else is at work.
        time.sleep(PAUSE_S * max(0, self._looks - 2))
        return None

    def given_up(self, why: str) -> Reconciled:
        """The end without proof. What was put is taken back, since it may be older than the table by now."""
        if self._last is Step.PUT:
            why = f"{why} {self._taken_back()}"
        return Reconciled(self._location, Outcome.GAVE_UP, why, units=self._units)

    def _taken_back(self) -> str:
        try:
            self._cache.delete(names.CACHE, self._location)
        except DashboardError:
            return "What was put could not be proved and not be taken back: do it again once both sides answer."
        return "The key is left out of the cache, so readers get the table's record."

    def _act(self, todo: Step, table: TableRead) -> None:
        wanted = _wanted(table)
        if todo is Step.PUT and wanted is not None:
            before, self._last, self._put_at = self._last, Step.PUT, time.monotonic()
            # A call that fails may have arrived; one that says "not stored" has not.
            if not self._cache.set_if_absent(names.CACHE, self._location, wanted.body, wanted.ttl_s):
                self._last = before
        elif todo is Step.DELETE:
            self._cache.delete(names.CACHE, self._location)
            self._last = Step.DELETE

    def _ran_out(self, table: TableRead, cached: bytes | None) -> bool:
        wanted = _wanted(table)
        if self._last is not Step.PUT or cached is not None or wanted is None:
            return False
        return time.monotonic() - self._put_at >= wanted.ttl_s

    def _done(self, table: TableRead, cached: bytes | None, why: str) -> Reconciled:
        outcome = {
            Step.PUT: Outcome.PUT,
            Step.DELETE: Outcome.DELETED if cached is None else Outcome.ALREADY_RIGHT,
            Step.NOTHING: Outcome.ALREADY_RIGHT,
        }[self._last]
        return Reconciled(self._location, outcome, why, table.item, cached, self._units)

    def _why(self, table: TableRead, cached: bytes | None) -> str:
        if table.raw is None:
            return "Neither the table nor the cache has it."
        if cached is not None:
            return "The cache was read back and says what the table says."
        return never_cached(table.raw)
