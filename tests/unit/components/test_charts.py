"""The charts: a spec without data, drawn with the newest rows and never with more than a browser takes."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from components import charts
from pages.live_topic import charts as live_charts
from services.topic.series import WINDOWS, Band, Picture, View


def draw_temperatures(count: int) -> None:
    from datetime import UTC

    from pages.live_topic import charts as live_charts
    from services.topic.series import WINDOWS, Band, Picture, View

    bands = tuple(Band(number, "Oslo", float(number), 0.0, number % 2) for number in range(count))
    picture = Picture(1, View(WINDOWS[0]), count, bands, (), (), 0, 0)
    live_charts.temperatures(live_charts.band_rows(picture, UTC), key="chart")


def draw_types(count: int) -> None:
    from datetime import UTC

    from pages.live_topic import charts as live_charts
    from services.topic.series import WINDOWS, Picture, Rate, View

    rates = tuple(Rate(number, insert=1, modify=0, remove=0, other=0) for number in range(count))
    picture = Picture(1, View(WINDOWS[0]), count, (), rates, (), 0, 0)
    live_charts.rates(live_charts.rate_rows(picture, UTC), key="chart")


def draw_rates(count: int) -> None:
    from datetime import UTC

    from components import charts
    from services.topic.series import Rate

    rates = [Rate(start=number, insert=1, modify=2, remove=0, other=4) for number in range(count)]
    charts.events_per_second(rates, UTC, key="chart")


DRAWINGS = [draw_temperatures, draw_types, draw_rates]


def drawn(script: Any, count: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """The spec and the rows of the chart that reach the browser."""
    done = AppTest.from_function(script, args=(count,), default_timeout=30).run()
    assert not done.exception
    chart: Any
    (chart,) = done.get("vega_lite_chart")
    proto = chart.proto
    data = proto.data.data or proto.datasets[0].data.data
    return json.loads(proto.spec), convert_arrow_bytes_to_pandas_df(data)


def keys(part: Any) -> set[str]:
    """Every key of a JSON value, at any depth."""
    if isinstance(part, dict):
        return set(part) | {key for value in part.values() for key in keys(value)}
    return {key for value in part for key in keys(value)} if isinstance(part, list) else set()


@pytest.mark.parametrize("script", DRAWINGS)
def test_a_spec_holds_no_data_so_that_it_is_the_same_at_every_draw(script: Any) -> None:
    spec, _ = drawn(script, 3)
    again, _ = drawn(script, 5)

    assert not {"data", "datasets", "values"} & keys(spec)
    assert spec == again


@pytest.mark.parametrize("script", DRAWINGS)
def test_a_chart_is_drawn_with_the_newest_points_only_when_there_are_more_than_it_may_have(script: Any) -> None:
    _, rows = drawn(script, charts.MAX_POINTS + 5)

    assert len(rows) == charts.MAX_POINTS
    newest: Any = rows.iloc[-1, 0]
    assert newest.timestamp() == charts.MAX_POINTS + 4


@pytest.mark.parametrize("script", DRAWINGS)
def test_nothing_to_draw_is_said_in_words(script: Any) -> None:
    done = AppTest.from_function(script, args=(0,), default_timeout=30).run()
    assert not done.exception
    assert not done.get("vega_lite_chart")
    assert [text.value for text in done.text] == ["Nothing to draw yet."]


def test_types_of_event_that_did_not_come_in_a_second_have_no_bar() -> None:
    _, rows = drawn(draw_rates, 2)

    assert list(zip(rows["type"], rows["events"], strict=True)) == [("INSERT", 1), ("MODIFY", 2), ("other", 4)] * 2


def test_every_field_that_a_chart_asks_for_is_among_its_rows() -> None:
    for script in DRAWINGS:
        spec, rows = drawn(script, 1)

        fields = {part["field"] for part in _dicts(spec) if isinstance(part.get("field"), str)}
        assert fields
        assert fields <= set(rows.columns)


def _dicts(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        return [part, *(found for value in part.values() for found in _dicts(value))]
    return [found for value in part for found in _dicts(value)] if isinstance(part, list) else []


def test_moments_are_in_the_viewers_zone() -> None:
    (moment,) = charts.moments([0.0], ZoneInfo("Asia/Tokyo"))

    assert moment.isoformat() == "1970-01-01T09:00:00+09:00"


def test_a_bucket_of_deletions_only_has_no_temperature_but_a_mark() -> None:
    picture = Picture(1, View(WINDOWS[0]), 60, (Band(0, "Oslo", None, None, 2),), (), (), 0, 0)

    (row,) = live_charts.band_rows(picture, ZoneInfo("Asia/Tokyo")).to_pylist()

    assert (row["location"], row["high"], row["low"], row["deleted"]) == ("Oslo", None, None, 2)
    assert row["time"].isoformat() == "1970-01-01T09:00:00+09:00"
