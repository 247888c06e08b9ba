"""The live topic's charts for who has no push: the same picture as the board's, drawn by Vega.

The rows of a picture are made once for all viewers of the same time zone.
"""

from __future__ import annotations

from datetime import tzinfo
from functools import cache, lru_cache
from typing import Any

import altair as alt
import pandas as pd

from components import charts
from services.topic_series import Picture

#: Pictures whose rows are kept: those of the views that are looked at just now.
_KEPT = 16
#: Of a chart with its axes and its legend, in pixels.
_HEIGHT = 420


def temperatures(picture: Picture, where: tzinfo, *, key: str) -> None:
    """Maximum and minimum of each location as a band; a cross below where a record was deleted."""
    rows = _band_rows(picture, where)
    charts.draw(rows, _band_spec(), key, "Temperatures by location over time")


def rates(picture: Picture, where: tzinfo, *, key: str) -> None:
    """Events of each type in each bucket, stacked."""
    charts.draw(_rate_rows(picture, where), _rate_spec(), key, "Events by type over time")


@lru_cache(_KEPT)
def _band_rows(picture: Picture, where: tzinfo) -> pd.DataFrame:
    bands = picture.bands
    rows = pd.DataFrame(
        {
            "location": [band.location for band in bands],
            "high": [band.high for band in bands],
            "low": [band.low for band in bands],
            "deleted": [band.removed or None for band in bands],
        }
    )
    rows.insert(0, "time", charts.moments([band.start for band in bands], where))
    return rows.sort_values("time", kind="stable")


@lru_cache(_KEPT)
def _rate_rows(picture: Picture, where: tzinfo) -> pd.DataFrame:
    rows = [
        (rate.start, kind, getattr(rate, field))
        for rate in picture.rates
        for kind, field in charts.TYPES
        if getattr(rate, field)
    ]
    frame = pd.DataFrame(rows, columns=["time", "type", "events"])
    frame["time"] = charts.moments([start for start, _, _ in rows], where)
    return frame


@cache
def _band_spec() -> dict[str, Any]:
    base = alt.Chart(alt.Undefined).encode(
        x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
        color=alt.Color("location:N", title=None, legend=_legend()),
        tooltip=[
            alt.Tooltip("location:N", title="Location"),
            alt.Tooltip("high:Q", title="Maximum °F"),
            alt.Tooltip("low:Q", title="Minimum °F"),
            alt.Tooltip("deleted:Q", title="Deletions"),
            alt.Tooltip("time:T", title="From", format="%H:%M:%S"),
        ],
    )
    high = alt.Y("high:Q", title="Temperature, °F", scale=alt.Scale(zero=False))
    shape = alt.Shape("location:N", title=None, legend=_legend())
    deleted = base.transform_filter("datum.deleted > 0").encode(y=alt.value("height"))
    return charts.spec(
        alt.layer(
            base.mark_area(opacity=0.15).encode(y=high, y2="low:Q"),
            base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=high, y2="low:Q"),
            base.mark_point(filled=True, size=36).encode(y=high, shape=shape),
            deleted.mark_text(text="×", fontSize=16, fontWeight="bold"),
        ).properties(height=_HEIGHT)
    )


def _legend() -> alt.Legend:
    return alt.Legend(orient="bottom", columns=4, symbolLimit=12)


@cache
def _rate_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("events:Q", title="Events"),
            color=charts.type_colour(),
            tooltip=[
                alt.Tooltip("type:N", title="Event"),
                alt.Tooltip("events:Q", title="Events"),
                alt.Tooltip("time:T", title="From", format="%H:%M:%S"),
            ],
        )
    )
    return charts.spec(chart.properties(height=_HEIGHT))
