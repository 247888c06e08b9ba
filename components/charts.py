"""Charts, authored in Altair once and drawn from their spec: 5 ms a draw against 27 ms (facts/streamlit.md, 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from services.topic_buffer import SecondCount

#: No chart gets more points than a browser draws without effort.
MAX_POINTS = 1_000

#: What the chart calls the types of event, and the field of SecondCount that counts each.
_TYPES = (("INSERT", "insert"), ("MODIFY", "modify"), ("REMOVE", "remove"), ("other", "other"))
_TYPE_COLOURS = alt.Scale(domain=[name for name, _ in _TYPES], range=["#0d9488", "#3b82f6", "#ef4444", "#94a3b8"])


@cache
def _temperature_spec() -> dict[str, Any]:
    base = alt.Chart(alt.Undefined).encode(
        x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
        color=alt.Color("location:N", title="Location", legend=alt.Legend(orient="bottom", columns=3, symbolLimit=12)),
        tooltip=[
            alt.Tooltip("location:N", title="Location"),
            alt.Tooltip("max_temp:Q", title="Maximum °F"),
            alt.Tooltip("min_temp:Q", title="Minimum °F"),
            alt.Tooltip("event_type:N", title="Event"),
            alt.Tooltip("time:T", title="Received", format="%H:%M:%S.%L"),
        ],
    )
    temperature = alt.Y("max_temp:Q", title="Temperature, °F", scale=alt.Scale(zero=False))
    bars = base.mark_rule(strokeWidth=2, opacity=0.45).encode(y=temperature, y2="min_temp:Q")
    highs = base.mark_point(filled=True, size=42).encode(y=temperature)
    lows = base.mark_point(filled=False, size=34).encode(
        y=alt.Y("min_temp:Q", title="Temperature, °F", scale=alt.Scale(zero=False))
    )
    return spec(alt.layer(bars, highs, lows).properties(height=440))


@cache
def _rate_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("second:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("events:Q", title="Events per second"),
            color=alt.Color("type:N", title=None, scale=_TYPE_COLOURS, legend=alt.Legend(orient="bottom", columns=2)),
            tooltip=[
                alt.Tooltip("type:N", title="Event"),
                alt.Tooltip("events:Q", title="Events"),
                alt.Tooltip("second:T", title="Second", format="%H:%M:%S"),
            ],
        )
    )
    return spec(chart.properties(height=240))


def spec(chart: Any) -> dict[str, Any]:
    """The chart as a dict without the placeholder data that Altair puts in; each draw brings its rows."""
    found: dict[str, Any] = chart.to_dict(validate=False)
    for part in (found, *found.get("layer", ())):
        part.pop("data", None)
    found.pop("datasets", None)
    return found


def temperatures(rows: pd.DataFrame, *, key: str) -> None:
    """Maximum and minimum by location over time. Columns: time, location, max_temp, min_temp, event_type."""
    draw(rows, _temperature_spec(), key, "Temperatures by location over time")


def events_per_second(counts: Sequence[SecondCount], where: tzinfo, *, key: str) -> None:
    """Events of each type in each second, on the viewer's clock."""
    rows = [
        (count.second, kind, getattr(count, field))
        for count in counts
        for kind, field in _TYPES
        if getattr(count, field)
    ]
    frame = pd.DataFrame(rows, columns=["second", "type", "events"])
    frame["second"] = moments([second for second, _, _ in rows], where)
    draw(frame, _rate_spec(), key, "Events per second by type")


def draw(rows: pd.DataFrame, drawn: dict[str, Any], key: str, alt_text: str) -> None:
    """The last MAX_POINTS rows, those of the newest events; without any, words, as an empty chart has odd axes."""
    if rows.empty:
        st.text("Nothing to draw yet.")
        return
    st.vega_lite_chart(rows.tail(MAX_POINTS), drawn, key=key, width="stretch", alt=alt_text)


def moments(epochs: Sequence[float], where: tzinfo) -> pd.Series:
    """Epoch seconds as moments of a time zone."""
    return pd.to_datetime(pd.Series(epochs, dtype="float64"), unit="s", utc=True).dt.tz_convert(where)
