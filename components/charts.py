"""Charts, authored in Altair once and drawn from their spec: 5 ms a draw against 27 ms (facts/streamlit.md, 2.1)."""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

#: No chart gets more points than a browser draws without effort.
MAX_POINTS = 1_000

_TYPE_COLOURS = alt.Scale(
    domain=["INSERT", "MODIFY", "REMOVE", "other"], range=["#0d9488", "#3b82f6", "#ef4444", "#94a3b8"]
)


@cache
def _temperature_spec() -> dict[str, Any]:
    base = alt.Chart(alt.Undefined).encode(
        x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
        color=alt.Color("location:N", title="Location", legend=alt.Legend(orient="bottom", columns=4)),
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
    return _spec(alt.layer(bars, highs, lows).properties(height=320))


@cache
def _rate_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("second:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("events:Q", title="Events per second"),
            color=alt.Color("type:N", title=None, scale=_TYPE_COLOURS, legend=alt.Legend(orient="bottom")),
            tooltip=[
                alt.Tooltip("type:N", title="Event"),
                alt.Tooltip("events:Q", title="Events"),
                alt.Tooltip("second:T", title="Second", format="%H:%M:%S"),
            ],
        )
    )
    return _spec(chart.properties(height=180))


def _spec(chart: Any) -> dict[str, Any]:
    """The chart as a dict without the placeholder data that Altair puts in; each draw brings its rows."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    for part in (spec, *spec.get("layer", ())):
        part.pop("data", None)
    spec.pop("datasets", None)
    return spec


def temperatures(rows: pd.DataFrame, *, key: str) -> None:
    """Maximum and minimum by location over time. Columns: time, location, max_temp, min_temp, event_type."""
    st.vega_lite_chart(rows, _temperature_spec(), key=key, width="stretch", alt="Temperatures by location over time")


def events_per_second(rows: pd.DataFrame, *, key: str) -> None:
    """Events of each type in each second. Columns: second, type, events."""
    st.vega_lite_chart(rows, _rate_spec(), key=key, width="stretch", alt="Events per second by type")
