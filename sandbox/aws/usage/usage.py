"""What AWS services would measure of the calls they get, as statistic sets until CloudWatch takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Names and values, in AWS's order.
Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Series:
    """One metric of one thing in one region."""

    region: str
    namespace: str
    name: str
    unit: str
    dimensions: Dimensions


@dataclass(frozen=True)
class StatisticSet:
    """What a series was in some time."""

    series: Series
    count: float
    sum: float
    minimum: float
    maximum: float


#: One value that was measured.
Value = tuple[Series, float]


class Usage:
    """Collects values until they are taken. A busy minute takes no more room than a quiet one."""

    def __init__(self) -> None:
        self._sets: dict[Series, list[float]] = {}

    def add(self, values: Iterable[Value]) -> None:
        """Count values in."""
        for series, value in values:
            found = self._sets.get(series)
            if found is None:
                self._sets[series] = [1, value, value, value]
            else:
                found[:] = found[0] + 1, found[1] + value, min(found[2], value), max(found[3], value)

    def take(self) -> list[StatisticSet]:
        """What was collected since the last call."""
        sets, self._sets = self._sets, {}
        return [StatisticSet(series, *values) for series, values in sets.items()]
