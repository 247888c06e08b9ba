"""The real observations that ship with the `vega-datasets` package. Nothing is downloaded.

The files are read where pip put them: importing the package would load pandas, about a second and 100 MB.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, distribution
from itertools import groupby
from pathlib import Path

from sandbox.traffic.observation import Observation, Source, SourceError, fahrenheit

WET_DAYS_WINDOW = 7


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    try:
        path = distribution("vega-datasets").locate_file(f"vega_datasets/_data/{file_name}")
        text = Path(str(path)).read_text(encoding="utf-8")
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise SourceError(f"{file_name} of the package vega-datasets is not installed: {error}") from error
    return csv.DictReader(text.splitlines())


def seattle_daily() -> Source:
    """Seattle, 2012 to 2015, a record a day, with the temperatures turned from °C into °F.

    The observations say how much it rained, not how likely that was. The chance of precipitation is therefore
    the share of wet days (any precipitation) among the last seven observed days, this one included, in whole %.
    """
    observations = list(_seattle_days(_rows("seattle-weather.csv")))
    return Source("seattle-daily", observations, len(observations))


def _seattle_days(rows: Iterable[dict[str, str]]) -> Iterator[Observation]:
    wet: deque[bool] = deque(maxlen=WET_DAYS_WINDOW)
    for row in rows:
        wet.append(float(row["precipitation"]) > 0)
        yield Observation(
            location="Seattle",
            date=_date(row["date"]),
            high=fahrenheit(float(row["temp_max"])),
            low=fahrenheit(float(row["temp_min"])),
            precipitation=round(100 * sum(wet) / len(wet)),
        )


def seattle_hourly() -> Source:
    """Seattle, 2010, as days: each day's highest and lowest hourly temperature. Precipitation was not observed: 0."""
    return _days_of_hours("seattle-hourly", "Seattle", "seattle-temps.csv")


def sf_hourly() -> Source:
    """San Francisco, 2010, as days: the same, and precipitation 0 as well."""
    return _days_of_hours("sf-hourly", "San Francisco", "sf-temps.csv")


def _days_of_hours(name: str, location: str, file_name: str) -> Source:
    observations = []
    for day, hours in groupby(_rows(file_name), key=lambda row: _date(row["date"])):
        temperatures = [float(hour["temp"]) for hour in hours]
        observations.append(Observation(location, day, max(temperatures), min(temperatures), 0))
    return Source(name, observations, len(observations))


def _date(text: str) -> date:
    return datetime.strptime(text[:10], "%Y/%m/%d").date()  # noqa: DTZ007 - a day has no time zone
