"""What a replay does one after the other: mostly puts, and an even share of deletes. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.traffic.observation import Observation

#: How many operations an endless source gives when nobody says how many.
DEFAULT_COUNT = 1_000
#: More deletes than puts cannot be: each takes a location that was put.
MOST_DELETES = 50


@dataclass(frozen=True, slots=True)
class Put:
    """Write one observation."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one location."""

    location: str


def operations(
    observations: Iterable[Observation], deletes: float = 0, seed: int | None = None
) -> Iterator[Put | Delete]:
    """A put for each observation, and deletes between them so that they are `deletes` percent (0 to 50) of the whole.

    Deletes are spread evenly; each takes a location put before and not deleted since, chosen by `seed`.
    Raises ValueError for any other percentage.
    """
    _check(deletes)
    return _operations(observations, deletes, seed)


def _operations(observations: Iterable[Observation], deletes: float, seed: int | None) -> Iterator[Put | Delete]:
    dice = random.Random(seed)
    remaining = iter(observations)
    locations = _Locations()
    number = 0
    while True:
        number += 1
        if locations and _deletes_among(number, deletes) > _deletes_among(number - 1, deletes):
            yield Delete(locations.take(dice))
            continue
        observation = next(remaining, None)
        if observation is None:
            return
        locations.add(observation.location)
        yield Put(observation)


def count_for(size: int | None, deletes: float, asked: int | None = None) -> int:
    """How many operations to do: as many as asked; else all of a source of that size, or 1,000 of an endless one.

    Raises ValueError for a percentage of deletes that cannot be.
    """
    _check(deletes)
    if asked is not None:
        return asked
    if size is None:
        return DEFAULT_COUNT
    count = size
    while (short := size - count + _deletes_among(count, deletes)) > 0:
        count += short
    return count


def _check(deletes: float) -> None:
    if not 0 <= deletes <= MOST_DELETES:
        raise ValueError(f"The share of deletes has to be between 0 and {MOST_DELETES} %, not {deletes:g}.")


def _deletes_among(number: int, deletes: float) -> int:
    return int(number * deletes / 100)


class _Locations:
    """The locations that exist: adding one and taking a random one cost the same however many there are."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str) -> None:
        if name not in self._known:
            self._known.add(name)
            self._names.append(name)

    def take(self, dice: random.Random) -> str:
        index = dice.randrange(len(self._names))
        self._names[index], self._names[-1] = self._names[-1], self._names[index]
        name = self._names.pop()
        self._known.remove(name)
        return name
