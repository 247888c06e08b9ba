"""What writing a file would do to the table: which of its records are new, which differ, which are there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.jobs.jobs import Control
from services.weather.changes import Change, holds
from services.weather.paging import AT_ONCE, RecordPages
from services.weather.table import WeatherRecord


@dataclass(frozen=True)
class Comparison:
    """Records of a file beside the table: changes that insert, changes that replace, and records that are the same."""

    new: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    same: tuple[WeatherRecord, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What there is to write."""
        return (*self.new, *self.changed)


def compare(control: Control, pages: RecordPages, records: Sequence[WeatherRecord]) -> Comparison | None:
    """Compares records with the table, as a job's work; None when cancelled. Raises DashboardError."""
    new: list[Change] = []
    changed: list[Change] = []
    same: list[WeatherRecord] = []
    for start in range(0, len(records), AT_ONCE):
        control.report(start, len(records), f"{start:,} of {len(records):,} records compared")
        if control.cancelled:
            return None
        piece = records[start : start + AT_ONCE]
        found = pages.of(record.location for record in piece)
        for record in piece:
            item = found.get(record.location)
            if item is None:
                new.append(Change(record.location, None, record))
            elif holds(item, record):
                same.append(record)
            else:
                changed.append(Change(record.location, item, record))
    control.report(len(records), len(records), f"{len(records):,} records compared")
    return Comparison(tuple(new), tuple(changed), tuple(same))
