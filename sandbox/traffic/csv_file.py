"""Observations from any CSV file with columns location, date, high, low and precipitation, in any order and case."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from sandbox.traffic.observation import LONGEST_LOCATION, BadRow, Observation, Source, SourceError

COLUMNS = ("location", "date", "high", "low", "precipitation")


def csv_file(path: Path) -> Source:
    """All good rows of a file, read at once; the rows that are no observation are in `bad_rows`, each with its reason.

    `high` and `low` are °F, `precipitation` a chance in %, `date` is year-month-day. Raises SourceError for a file
    that cannot be read, lacks a column, or has no good row at all.
    """
    observations: list[Observation] = []
    bad_rows: list[BadRow] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = [name.strip().lower() for name in next(rows, [])]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise SourceError(f"{path} has no column {', '.join(missing)}. Its first line has to name the columns.")
            for row in rows:
                if not row:
                    continue
                try:
                    observations.append(_observation(header, row))
                except ValueError as error:
                    bad_rows.append(BadRow(rows.line_num, str(error)))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} is no CSV file in UTF-8: {error}") from error
    if not observations:
        first = f" Line {bad_rows[0].line}: {bad_rows[0].reason}" if bad_rows else ""
        raise SourceError(f"{path} has no observation in it.{first}")
    return Source(f"csv:{path}", observations, len(observations), tuple(bad_rows))


def _observation(header: list[str], row: list[str]) -> Observation:
    """The observation in one row. Raises ValueError with the reason why it is none."""
    if len(row) != len(header):
        raise ValueError(f"{len(row)} fields where the first line has {len(header)}")
    fields = dict(zip(header, (field.strip() for field in row), strict=True))
    location = fields["location"]
    if not location:
        raise ValueError("location is empty")
    if len(location.encode()) > LONGEST_LOCATION:
        raise ValueError(f"location is longer than {LONGEST_LOCATION} bytes")
    high, low = _number(fields, "high"), _number(fields, "low")
    if high < low:
        raise ValueError(f"high {high:g} is below low {low:g}")
    precipitation = _number(fields, "precipitation")
    if not 0 <= precipitation <= 100:
        raise ValueError(f"precipitation {precipitation:g} is not between 0 and 100")
    return Observation(location, _date(fields["date"]), high, low, precipitation)


def _number(fields: Mapping[str, str], column: str) -> float:
    text = fields[column]
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{column} {text!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{column} {text!r} is not a number")
    return round(number, 1)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date {text!r} is not a day written year-month-day") from None
