"""One day's weather at one place: what every source of traffic yields and the replay writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

#: DynamoDB's limit for a partition key, in bytes of UTF-8.
LONGEST_LOCATION = 2048


@dataclass(frozen=True, slots=True)
class Observation:
    """Weather of `date` at `location`: `high` and `low` in °F, `precipitation` as the chance of it in %."""

    location: str
    date: date
    high: float
    low: float
    precipitation: float


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that is no observation: its line number (from 1) and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Source:
    """Observations in the order in which they are replayed; `size` is how many, None for an endless source."""

    name: str
    observations: Iterable[Observation]
    size: int | None
    bad_rows: tuple[BadRow, ...] = ()


class SourceError(Exception):
    """Raised when a source cannot be opened: unknown name, missing file, missing columns, nothing in it."""


def fahrenheit(celsius: float) -> float:
    """°F of a temperature in °C, to one decimal."""
    return round(celsius * 9 / 5 + 32, 1)
