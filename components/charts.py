"""Charts, authored in Altair once and drawn from their spec: 5 ms a draw against 27 ms (facts/streamlit.md, 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st

from services.topic.series import Rate

#: No chart gets more points than a browser draws without effort.
MAX_POINTS = 1_000

#: What the chart calls the types of event, and the field of Rate that counts each.
TYPES = (("INSERT", "insert"), ("MODIFY", "modify"), ("REMOVE", "remove"), ("other", "other"))
_TYPE_COLOURS = alt.Scale(domain=[name for name, _ in TYPES], range=["#0d9488", "#3b82f6", "#ef4444", "#94a3b8"])


def type_colour() -> alt.Color:
    """The colour that says of which type an event is."""
    return alt.Color("type:N", title=None, scale=_TYPE_COLOURS, legend=alt.Legend(orient="bottom", columns=2))


@cache
def _rate_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("second:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("events:Q", title="Events per second"),
            color=type_colour(),
            tooltip=[
                alt.Tooltip("type:N", title="Event"),
                alt.Tooltip("events:Q", title="Events"),
                alt.Tooltip("second:T", title="Second", format="%H:%M:%S"),
            ],
        )
    )
    return spec(chart.properties(height=240))


@cache
def _spark_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_area(line=True, opacity=0.3, aria=False)
        .encode(
            x=alt.X("point:Q", axis=None),
            y=alt.Y("rate:Q", axis=None, scale=alt.Scale(domainMin=0)),
            tooltip=[alt.Tooltip("rate:Q", title="Per second", format=".1f")],
        )
    )
    return spec(chart.properties(height=56))


def spec(chart: Any) -> dict[str, Any]:
    """The chart as a dict without the placeholder data that Altair puts in; each draw brings its rows."""
    found: dict[str, Any] = chart.to_dict(validate=False)
    for part in (found, *found.get("layer", ())):
        part.pop("data", None)
    found.pop("datasets", None)
    return found


def events_per_second(rates: Sequence[Rate], where: tzinfo, *, key: str) -> None:
    """Events of each type in each second, on the viewer's clock. The rates are those of a window of 1 s buckets."""
    rows = [(rate.start, kind, getattr(rate, field)) for rate in rates for kind, field in TYPES if getattr(rate, field)]
    frame = pd.DataFrame(rows, columns=["second", "type", "events"])
    frame["second"] = moments([second for second, _, _ in rows], where)
    draw(frame, _rate_spec(), key, "Events per second by type")


def spark(rates: Sequence[float], alt_text: str, *, key: str) -> None:
    """A line without axes: rates per second, oldest first. It stands beside a number that says how high its end is."""
    draw(pd.DataFrame({"point": range(len(rates)), "rate": rates}), _spark_spec(), key, alt_text)


def draw(rows: pd.DataFrame | pa.Table, drawing: dict[str, Any], key: str, alt_text: str) -> None:
    """Draws the last MAX_POINTS rows, the newest; without any, words, as an empty chart has odd axes."""
    if len(rows) == 0:
        st.text("Nothing to draw yet.")
        return
    st.vega_lite_chart(rows[-MAX_POINTS:], drawing, key=key, width="stretch", alt=alt_text)


def moments(epochs: Sequence[float], where: tzinfo) -> pd.Series:
    """Epoch seconds as moments of a time zone."""
    return pd.to_datetime(pd.Series(epochs, dtype="float64"), unit="s", utc=True).dt.tz_convert(where)


@cache
def _stages_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_line(point=True)
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("ms:Q", title="Milliseconds"),
            color=alt.Color("stage:N", title=None, sort=None, legend=alt.Legend(orient="bottom", columns=1)),
            tooltip=[
                alt.Tooltip("stage:N", title="Stage"),
                alt.Tooltip("ms:Q", title="Milliseconds", format=",.1f"),
                alt.Tooltip("time:T", title="Run of", format="%H:%M:%S"),
            ],
        )
    )
    return spec(chart.properties(height=320))


def stages(rows: pd.DataFrame, *, key: str) -> None:
    """How long each stage of each canary took. Columns: time, stage, ms."""
    draw(rows, _stages_spec(), key, "Milliseconds of each stage of the canary over time")


@cache
def _minutes_spec(unit: str, resources: int) -> dict[str, Any]:
    legend = alt.Legend(orient="top", columns=resources, symbolSize=60, labelFontSize=11) if resources > 1 else None
    chart = (
        alt.Chart(alt.Undefined)
        .mark_line(point=True)
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M", labelOverlap=True, tickCount=4)),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4, format="~s")),
            color=alt.Color("resource:N", title=None, sort=None, legend=legend),
            tooltip=[
                alt.Tooltip("resource:N", title="Of"),
                alt.Tooltip("value:Q", title=unit, format=",.4~g"),
                alt.Tooltip("time:T", title="Minute of", format="%H:%M"),
            ],
        )
    )
    return spec(chart.properties(height=170))


def minutes(rows: pd.DataFrame, *, unit: str, title: str, key: str) -> None:
    """A metric's value in each minute, in `unit`. Columns: time, resource, value."""
    draw(rows, _minutes_spec(unit, rows["resource"].nunique()), key, f"{title} by minute, in {unit}")
