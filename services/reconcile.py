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
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from provision import names
from services.agreement import same, texts
from services.cache_document import CacheDocument, document, never_cached
from services.errors import DashboardError
from services.momento import MomentoCache
from services.weather import TableRead, WeatherTable

#: Changes of the cache, and of the table under our hands, before it is given up.
ROUNDS = 12
#: Pause before another round, in seconds, growing by as much with each.
PAUSE_S = 0.02


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
        attempt = _Attempt(self._cache, self._table, location)
        try:
            return attempt.run()
        except DashboardError as error:
            return attempt.given_up(str(error))


class _Attempt:
    """One reconcile of one key under way."""

    def __init__(self, cache: MomentoCache, table: WeatherTable, location: str) -> None:
        self._cache = cache
        self._table = table
        self._location = location
        self._units = 0.0
        self._last = Step.NOTHING
        self._put_at = 0.0

    def run(self) -> Reconciled:
        """Looks and acts until a look finds nothing to do. Raises DashboardError."""
        for round_number in range(ROUNDS):
            # The cache first: what it held agrees with the table as it is after that, and after any put of ours.
            cached = self._cache.get(names.CACHE, self._location).value
            table = self._table.get(self._location)
            self._units += table.capacity_units
            if self._ran_out(table, cached):
                return self._done(table, cached, "It was put, and its TTL has run out since.")
            todo = step(table, cached)
            if todo is Step.NOTHING:
                return self._done(table, cached, self._why(table, cached))
            self._act(todo, table)
            # A put takes three rounds when nobody else is at work.
            time.sleep(PAUSE_S * max(0, round_number - 1))
        return self.given_up("The record kept changing while it was brought right.")

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
