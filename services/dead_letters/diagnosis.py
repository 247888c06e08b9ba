"""Bringing together what is known of dead letters: record, cause, and both sides of each key now.

letters ─▶ records of the stream, else saved ones ─┬─▶ keys ─▶ table and cache, each key once ─▶ cases
           the pipes' log, where both are gone ────┘
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from core import names
from core.aws import Aws
from core.errors import DashboardError
from core.momento_client import CacheRead, MomentoCache
from services.cache.reconcile import goal
from services.dead_letters.failure_cause import Cause
from services.dead_letters.log_evidence import Evidence, Witness
from services.dead_letters.message import DeadLetter
from services.dead_letters.repair_status import Case, KeyState, Standing, judge
from services.dead_letters.stream_records import Hydrated, Recovery, hydrate
from services.weather.paging import AT_ONCE
from services.weather.table import TableRead, WeatherTable

#: Found records that are kept, so that no look reads them from the stream again.
KEPT = 50_000
#: Keys that are read at once.
_READERS = 8
#: Failures in a row to read a key, after which the others are not tried: a side that does not answer would take seconds
#: for each.
FAILURES = 2 * _READERS
#: What the stream will never tell otherwise, and so is not asked again.
_LASTING = frozenset({Recovery.FOUND, Recovery.TRIMMED, Recovery.GONE})
#: What saving may bring back.
_LOST = frozenset({Recovery.TRIMMED, Recovery.GONE, Recovery.UNREADABLE})

#: Saved records by message id.
SavedRecords = Callable[[], Mapping[str, Hydrated]]

_NO_KEYS = {
    Recovery.TRIMMED: "The stream has forgotten the record, and the pipes' log does not tell its key.",
    Recovery.GONE: "The stream is gone, and the pipes' log does not tell the record's key.",
    Recovery.NOWHERE: "The message does not point at a record.",
    Recovery.UNREADABLE: "The record cannot be read from the stream.",
}


@dataclass(frozen=True)
class Pointed:
    """The keys that a letter is about; `why` says why there are none."""

    locations: tuple[str, ...]
    why: str = ""


class Casebook:
    """Makes cases of letters. Safe to share between threads."""

    def __init__(
        self, aws: Aws, cache: MomentoCache, table: WeatherTable, witness: Witness, saved: SavedRecords
    ) -> None:
        self._aws = aws
        self._cache = cache
        self._table = table
        self._witness = witness
        self._saved = saved
        self._found: OrderedDict[str, Hydrated] = OrderedDict()
        self._lock = threading.Lock()

    def hydrated(self, letters: Iterable[DeadLetter]) -> dict[str, Hydrated]:
        """What each letter points at, by message id. Raises a DashboardError when the stream cannot be read."""
        letters = list(letters)
        with self._lock:
            known = {
                each.message_id: self._found[each.message_id] for each in letters if each.message_id in self._found
            }
            fresh = hydrate(self._aws, [each for each in letters if each.message_id not in known])
            self._found.update({name: what for name, what in fresh.items() if what.recovery in _LASTING})
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        found = known | fresh
        lost = [name for name, what in found.items() if what.recovery in _LOST]
        saved = self._saved() if lost else {}
        return found | {name: saved[name] for name in lost if name in saved}

    def cases(self, letters: Sequence[DeadLetter]) -> tuple[Case, ...]:
        """The cases of the letters, in their order, with both sides of every key read now. Raises DashboardError."""
        hydrated, evidence = self.hydrated(letters), self._witness(letters)
        locations = _locations(letters, hydrated, evidence)
        states = self._states({location for each in locations.values() for location in each})
        return tuple(
            judge(
                letter,
                [states[location] for location in locations[letter.message_id]],
                _no_keys(hydrated[letter.message_id]),
                evidence.failing.get(letter.pipe, ""),
                evidence.causes.get(letter.message_id, Cause()),
                hydrated[letter.message_id],
            )
            for letter in letters
        )

    def unread(self, letters: Sequence[DeadLetter]) -> tuple[Case, ...]:
        """The cases of the letters without a look at the stream, the table and the cache. Never raises."""
        evidence = self._witness(letters)
        return tuple(
            Case(
                letter,
                (),
                Standing.NOT_READ,
                "Its record and key are read when it is opened or planned.",
                evidence.causes.get(letter.message_id, Cause()),
            )
            for letter in letters
        )

    def pointed(self, letters: Sequence[DeadLetter]) -> dict[str, Pointed]:
        """What each letter is about, by message id; neither side of any key is read. Raises DashboardError."""
        hydrated = self.hydrated(letters)
        without = [letter for letter in letters if not hydrated[letter.message_id].locations]
        # The log takes long to read, and tells nothing that the stream has not told already.
        evidence = self._witness(without) if without else Evidence()
        return {
            message_id: Pointed(keys, "" if keys else _no_keys(hydrated[message_id]))
            for message_id, keys in _locations(letters, hydrated, evidence).items()
        }

    def _states(self, locations: Collection[str]) -> dict[str, KeyState]:
        reading, wanted = _Reading(self._cache, self._table), sorted(locations)
        parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="dead letters") as pool:
            return {state.location: state for part in parts for state in reading.states(pool, part)}


class _Reading:
    """Reads both sides of keys until one of them has failed too often in a row."""

    def __init__(self, cache: MomentoCache, table: WeatherTable) -> None:
        self._cache = cache
        self._table = table
        self._failures: tuple[str, ...] = ()

    def states(self, pool: Executor, locations: Sequence[str]) -> list[KeyState]:
        """Both sides of at most AT_ONCE keys, or why they cannot be read."""
        cached = list(pool.map(self._cached, locations))
        try:
            tables = {} if self._given_up else self._table.get_many(locations)
        except DashboardError as error:
            tables, self._failures = {}, (str(error),) * FAILURES
        return [self._state(each, found, tables) for each, found in zip(locations, cached, strict=True)]

    @property
    def _given_up(self) -> bool:
        return len(self._failures) >= FAILURES

    def _cached(self, location: str) -> CacheRead | str:
        """What the cache has, or why that cannot be read."""
        failures = self._failures
        if len(failures) >= FAILURES:
            return f"Not tried, since others failed: {failures[-1]}"
        try:
            found = self._cache.get(names.CACHE, location)
        except DashboardError as error:
            self._failures = (*self._failures, str(error))
            return str(error)
        self._failures = ()
        return found

    def _state(self, location: str, cached: CacheRead | str, tables: Mapping[str, TableRead]) -> KeyState:
        if isinstance(cached, str):
            return KeyState(location, problem=cached)
        if location not in tables:
            return KeyState(location, problem=f"Not tried, since others failed: {self._failures[-1]}")
        table = tables[location]
        return KeyState(location, table.item, cached.value, goal(table, cached.value))


def _no_keys(hydrated: Hydrated) -> str:
    why = _NO_KEYS.get(hydrated.recovery, "The record has no key of this table.")
    return f"{why} {hydrated.problem}".strip()


def _locations(
    letters: Sequence[DeadLetter], hydrated: Mapping[str, Hydrated], evidence: Evidence
) -> dict[str, tuple[str, ...]]:
    """The keys of each letter: from its records, or from the log when it points at one record."""
    found = {}
    for letter in letters:
        told = evidence.locations.get(letter.first_sequence_number, "") if letter.batch_size == 1 else ""
        found[letter.message_id] = hydrated[letter.message_id].locations or ((told,) if told else ())
    return found
