"""Results as a table of plain text. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One measurement's results. `ok` is false when something that has to hold did not."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    ok: bool = True

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        return "\n".join([self.title, *(_line(line, widths) for line in lines)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    return "  " + "  ".join([f"{first:<{widths[0]}}", *map(str.rjust, others, widths[1:])])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the values do not exceed (nearest rank); nan when there are none."""
    if not values:
        return math.nan
    rank = max(1, math.ceil(len(values) * share / 100))
    return sorted(values)[rank - 1]


#: Columns of `spread`.
SPREAD = ("n", "p50", "p95", "p99", "max")


def spread(values: Sequence[float]) -> tuple[str, ...]:
    """How many values, and their p50, p95, p99 and maximum, with one decimal."""
    points = [percentile(values, share) for share in (50, 95, 99, 100)]
    return (str(len(values)), *(f"{point:.1f}" for point in points))
