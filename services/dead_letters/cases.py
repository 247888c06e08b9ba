"""Bringing together what is known of dead letters: the records they point at, and both sides of each key now.

letters ─▶ records of the stream (kept once found) ─┬─▶ keys ─▶ table and cache, each key once ─▶ cases
           the pipes' log, where the stream forgot ─┘
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from provision import names
from services.aws import Aws
from services.dead_letters.letter import DeadLetter
from services.dead_letters.records import Hydrated, Recovery, hydrate
from services.dead_letters.standing import Case, KeyState, judge
from services.errors import DashboardError
from services.momento import MomentoCache
from services.reconcile import step
from services.weather import WeatherTable

#: Found records that are kept, so that no look reads them from the stream again.
KEPT = 50_000
#: Keys that are read at once.
_READERS = 8

#: Location by sequence number, for those of the asked ones that the pipes' log tells.
LocationsOf = Callable[[Collection[str]], Mapping[str, str]]
#: The error of the newest execution of each pipe whose newest execution failed.
PipeErrors = Callable[[], Mapping[str, str]]

_NO_KEYS = {
    Recovery.TRIMMED: "The stream has forgotten the record, and the pipes' log does not tell its key.",
    Recovery.GONE: "The stream is gone, and the pipes' log does not tell the record's key.",
    Recovery.NOWHERE: "The message does not point at a record.",
    Recovery.UNREADABLE: "The record cannot be read from the stream.",
}


class Casebook:
    """Makes cases of letters. Safe to share between threads."""

    def __init__(
        self, aws: Aws, cache: MomentoCache, table: WeatherTable, locations_of: LocationsOf, pipe_errors: PipeErrors
    ) -> None:
        self._aws = aws
        self._cache = cache
        self._table = table
        self._locations_of = locations_of
        self._pipe_errors = pipe_errors
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
            self._found.update({name: what for name, what in fresh.items() if what.recovery is Recovery.FOUND})
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return known | fresh

    def cases(self, letters: Sequence[DeadLetter]) -> tuple[Case, ...]:
        """The cases of the letters, in their order. Raises a DashboardError when the stream cannot be read."""
        hydrated = self.hydrated(letters)
        locations = self._locations(letters, hydrated)
        states = self._states({location for each in locations.values() for location in each})
        errors = self._pipe_errors()
        return tuple(
            judge(
                letter,
                [states[location] for location in locations[letter.message_id]],
                _no_keys(hydrated[letter.message_id]),
                errors.get(letter.pipe, ""),
            )
            for letter in letters
        )

    def _locations(self, letters: Sequence[DeadLetter], hydrated: Mapping[str, Hydrated]) -> dict[str, tuple[str, ...]]:
        """The keys of each letter: from its records, or from the log when it points at one record."""
        alone = {
            each.message_id: each.first_sequence_number
            for each in letters
            if not hydrated[each.message_id].locations and each.batch_size == 1
        }
        told = self._locations_of(set(alone.values())) if alone else {}
        return {
            each.message_id: hydrated[each.message_id].locations
            or ((told[alone[each.message_id]],) if alone.get(each.message_id) in told else ())
            for each in letters
        }

    def _states(self, locations: Collection[str]) -> dict[str, KeyState]:
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="dead letters") as pool:
            return {state.location: state for state in pool.map(self._state, sorted(locations))}

    def _state(self, location: str) -> KeyState:
        try:
            cached = self._cache.get(names.CACHE, location).value
            table = self._table.get(location)
        except DashboardError as error:
            return KeyState(location, problem=str(error))
        return KeyState(location, table.item, cached, step(table, cached))


def _no_keys(hydrated: Hydrated) -> str:
    why = _NO_KEYS.get(hydrated.recovery, "The record has no key of this table.")
    return f"{why} {hydrated.problem}".strip()
