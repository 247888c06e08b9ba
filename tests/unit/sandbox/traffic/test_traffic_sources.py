"""The sources of traffic: real observations as they are, made-up ones as plausible, files row by row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import islice
from pathlib import Path

import pytest
from vega_datasets import local_data

from sandbox.traffic.bundled import seattle_daily, seattle_hourly, sf_hourly
from sandbox.traffic.cities import CITIES, cities
from sandbox.traffic.csv_file import csv_file
from sandbox.traffic.observation import BadRow, Observation, SourceError
from sandbox.traffic.sources import distinct_days, open_source, open_sources

HEADER = "location,date,high,low,precipitation\n"


def first(count: int, observations: Iterable[Observation]) -> list[Observation]:
    return list(islice(observations, count))


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "weather.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_seattle_daily_is_every_day_of_four_years_in_fahrenheit() -> None:
    source = seattle_daily()
    observations = list(source.observations)

    assert source.size == len(observations) == 1461
    assert observations[0] == Observation("Seattle", date(2012, 1, 1), 55.0, 41.0, 0)
    assert observations[-1].date == date(2015, 12, 31)


def test_the_chance_of_precipitation_is_the_share_of_wet_days_in_the_last_seven() -> None:
    week = first(8, seattle_daily().observations)
    wet = [row.precipitation > 0 for row in local_data.seattle_weather().head(8).itertuples()]

    assert [day.precipitation for day in week[:2]] == [0, 50]
    assert week[7].precipitation == round(100 * sum(wet[1:8]) / 7)


@pytest.mark.parametrize(
    ("source", "frame", "location"),
    [(seattle_hourly(), local_data.seattle_temps(), "Seattle"), (sf_hourly(), local_data.sf_temps(), "San Francisco")],
)
def test_hours_become_days_with_their_highest_and_lowest_temperature(source, frame, location) -> None:  # type: ignore[no-untyped-def]
    days = list(source.observations)
    spring = [day for day in days if day.date == date(2010, 4, 1)]
    hours = frame[frame["date"].dt.date == date(2010, 4, 1)]["temp"]

    assert source.size == len(days) == 365
    assert spring == [Observation(location, date(2010, 4, 1), hours.max(), hours.min(), 0)]


def test_the_cities_never_end_and_repeat_for_the_same_seed() -> None:
    year = first(3660, cities(seed=7).observations)

    assert cities().size is None
    assert year == first(3660, cities(seed=7).observations)
    assert year != first(3660, cities(seed=8).observations)
    assert {seen.location for seen in year} == set(CITIES)
    assert all(seen.low < seen.high and 0 <= seen.precipitation <= 100 for seen in year)


def test_the_cities_have_seasons() -> None:
    chicago = [seen for seen in first(3650, cities(seed=1).observations) if seen.location == "Chicago"]
    january = [seen.high for seen in chicago if seen.date.month == 1]
    july = [seen.high for seen in chicago if seen.date.month == 7]

    assert sum(july) / len(july) > sum(january) / len(january) + 40


def test_a_csv_may_name_its_columns_in_any_order_and_case_and_have_more(tmp_path: Path) -> None:
    path = written(
        tmp_path, "Low,HIGH,Station, Location ,Date,Precipitation\n50,70.25,x,Oslo,2026-05-17,10\n", "utf-8-sig"
    )

    assert csv_file(path).observations == [Observation("Oslo", date(2026, 5, 17), 70.2, 50, 10)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",2026-05-17,70,50,10", "location is empty"),
        (f"{'x' * 2049},2026-05-17,70,50,10", "location is longer than 2048 bytes"),
        ("Oslo,17.5.2026,70,50,10", "date '17.5.2026' is not a day"),
        ("Oslo,2026-02-30,70,50,10", "date '2026-02-30' is not a day"),
        ("Oslo,2026-05-17,warm,50,10", "high 'warm' is not a number"),
        ("Oslo,2026-05-17,70,nan,10", "low 'nan' is not a number"),
        ("Oslo,2026-05-17,50,70,10", "high 50 is below low 70"),
        ("Oslo,2026-05-17,70,50,101", "precipitation 101 is not between 0 and 100"),
        ("Oslo,2026-05-17,70,50", "4 fields where the first line has 5"),
    ],
)
def test_a_bad_row_is_left_out_with_its_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    source = csv_file(written(tmp_path, f"{HEADER}Bergen,2026-05-17,60,45,80\n\n{row}\nVoss,2026-05-17,65,44,20\n"))

    assert [seen.location for seen in source.observations] == ["Bergen", "Voss"]
    (bad,) = source.bad_rows
    assert bad.line == 4
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column location, date"),
        (b"location,date,high,low\n", "no column precipitation"),
        (HEADER.encode(), "no observation"),
        (HEADER.encode() + b"Oslo,2026-05-17,warm,50,10\n", "Line 2: high 'warm'"),
        (b"\xff\xfe\x00l", "no CSV file in UTF-8"),
    ],
)
def test_a_file_without_observations_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "weather.csv"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=reason):
        csv_file(path)


def test_a_missing_file_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        open_source(f"csv:{tmp_path / 'missing.csv'}")
    with pytest.raises(SourceError, match="no source 'tokyo'"):
        open_source("tokyo")
    with pytest.raises(SourceError, match="No source was named"):
        open_sources([])


def test_several_sources_take_turns_until_all_are_used_up(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}Oslo,2026-05-17,60,45,80\nnonsense\n")
    together = open_sources([f"csv:{path}", "seattle-hourly", "sf-hourly"])
    observations = list(together.observations)

    assert together.size == len(observations) == 1 + 365 + 365
    assert [seen.location for seen in observations[:5]] == [
        "Oslo",
        "Seattle",
        "San Francisco",
        "Seattle",
        "San Francisco",
    ]
    assert together.bad_rows == (BadRow(3, "1 fields where the first line has 5"),)


def test_with_an_endless_source_the_whole_is_endless() -> None:
    together = open_sources(["seattle-hourly", "cities"], seed=1)

    assert together.size is None
    assert len(first(1000, together.observations)) == 1000


def test_distinct_days_give_every_day_a_key_of_its_own() -> None:
    days = distinct_days(open_source("seattle-daily"))

    locations = [seen.location for seen in days.observations]
    assert locations[0] == "Seattle 2012-01-01"
    assert len(set(locations)) == days.size == 1461
