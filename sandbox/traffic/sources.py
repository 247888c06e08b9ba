"""Sources by name, alone or interleaved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sandbox.traffic.bundled import seattle_daily, seattle_hourly, sf_hourly
from sandbox.traffic.cities import cities
from sandbox.traffic.csv_file import csv_file
from sandbox.traffic.observation import Observation, Source, SourceError

_BUNDLED: dict[str, Callable[[], Source]] = {
    "seattle-daily": seattle_daily,
    "seattle-hourly": seattle_hourly,
    "sf-hourly": sf_hourly,
}
#: Every name that `open_source` knows; `csv:` is followed by a path.
NAMES = (*_BUNDLED, "cities", "csv:PATH")


def open_source(name: str, seed: int | None = None) -> Source:
    """The source of that name. `seed` makes random weather repeatable. Raises SourceError."""
    if name in _BUNDLED:
        return _BUNDLED[name]()
    if name == "cities":
        return cities(seed)
    if name.startswith("csv:"):
        return csv_file(Path(name.removeprefix("csv:")))
    raise SourceError(f"There is no source {name!r}. There are: {', '.join(NAMES)}")


def open_sources(names: Sequence[str], seed: int | None = None) -> Source:
    """The named sources as one, interleaved: one observation of each in turn. Raises SourceError."""
    opened = [open_source(name, seed) for name in names]
    if not opened:
        raise SourceError(f"No source was named. There are: {', '.join(NAMES)}")
    if len(opened) == 1:
        return opened[0]
    sizes = [source.size for source in opened if source.size is not None]
    return Source(
        name=", ".join(names),
        observations=_in_turn([iter(source.observations) for source in opened]),
        size=sum(sizes) if len(sizes) == len(opened) else None,
        bad_rows=tuple(bad for source in opened for bad in source.bad_rows),
    )


def _in_turn(sources: list[Iterator[Observation]]) -> Iterator[Observation]:
    while sources:
        for source in tuple(sources):
            try:
                yield next(source)
            except StopIteration:
                sources.remove(source)


def distinct_days(source: Source) -> Source:
    """The same source with the day in each location, as in "Seattle 2012-01-01": a key per day instead of per place."""
    return replace(source, observations=_with_day(source.observations))


def _with_day(observations: Iterable[Observation]) -> Iterator[Observation]:
    for seen in observations:
        yield replace(seen, location=f"{seen.location} {seen.date.isoformat()}")
