"""The live topic's charts for who has no push: the same picture as the board's, drawn by Vega.

The rows are Arrow tables, made once for all viewers and without pandas on the way, which is most of what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pyarrow as pa

from components import charts
from services.topic.series import Picture

#: Of a chart with its axes and its legend, in pixels.
_HEIGHT = 420


def temperatures(rows: pa.Table, *, key: str) -> None:
    """Maximum and minimum of each location as a band (`band_rows`); a cross below where a record was deleted."""
    charts.draw(rows, _band_spec(), key, "Temperatures by location over time")


def rates(rows: pa.Table, *, key: str) -> None:
    """Events of each type in each bucket (`rate_rows`), stacked."""
    charts.draw(rows, _rate_spec(), key, "Events by type over time")


def band_rows(picture: Picture, where: tzinfo) -> pa.Table:
    """The rows of `temperatures`, one for each bucket of each location."""
    bands = picture.bands
    return pa.table(
        {
            "time": _moments([band.start for band in bands], where),
            "location": pa.array([band.location for band in bands], pa.string()),
            "high": pa.array([band.high for band in bands], pa.float64()),
            "low": pa.array([band.low for band in bands], pa.float64()),
            "deleted": pa.array([band.removed for band in bands], pa.int64()),
        }
    )


def rate_rows(picture: Picture, where: tzinfo) -> pa.Table:
    """The rows of `rates`, one for each type in each bucket that had some."""
    rows = [
        (rate.start, kind, getattr(rate, field))
        for rate in picture.rates
        for kind, field in charts.TYPES
        if getattr(rate, field)
    ]
    starts, kinds, counts = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "time": _moments(starts, where),
            "type": pa.array(kinds, pa.string()),
            "events": pa.array(counts, pa.int64()),
        }
    )


def _moments(starts: Sequence[int], where: tzinfo) -> pa.Array:
    return pa.array([start * 1_000_000 for start in starts], pa.timestamp("us", tz=str(where)))


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
