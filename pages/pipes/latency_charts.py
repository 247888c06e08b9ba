"""How long executions take, drawn: percentiles over time, and a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pandas as pd

from components.charts import draw, moments, spec
from services.pipes.latency import CLASSES_S, SpanPercentiles

_PERCENTILES = ("p50", "p90", "p99")
_LEGEND = alt.Legend(orient="bottom", symbolType="stroke", symbolSize=400, symbolStrokeWidth=2)


@cache
def _percentile_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_line(point=True)
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("ms:Q", title="Milliseconds"),
            color=alt.Color("percentile:N", title=None, sort=_PERCENTILES, legend=_LEGEND),
            strokeDash=alt.StrokeDash("percentile:N", title=None, sort=_PERCENTILES, legend=_LEGEND),
            tooltip=[
                alt.Tooltip("percentile:N", title="Percentile"),
                alt.Tooltip("ms:Q", title="Milliseconds", format=",.1f"),
                alt.Tooltip("count:Q", title="Executions"),
                alt.Tooltip("time:T", title="From", format="%H:%M:%S"),
            ],
        )
    )
    return spec(chart.properties(height=260))


@cache
def _histogram_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("time:N", title="Up to", sort=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("count:Q", title="Executions"),
            tooltip=[alt.Tooltip("time:N", title="Up to"), alt.Tooltip("count:Q", title="Executions")],
        )
    )
    return spec(chart.properties(height=260))


def percentiles(spans: Sequence[SpanPercentiles], where: tzinfo, *, key: str) -> None:
    """p50, p90 and p99 of one stage over time, on the viewer's clock."""
    rows = [
        (span.at, name, seconds * 1000, span.count)
        for span in spans
        for name, seconds in zip(_PERCENTILES, (span.p50_s, span.p90_s, span.p99_s), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["time", "percentile", "ms", "count"])
    frame["time"] = moments([at for at, *_ in rows], where)
    draw(frame, _percentile_spec(), key, "Percentiles of the stage's time")


def histogram(counts: Sequence[int], *, key: str) -> None:
    """How many executions took how long: `counts` by the classes of services.pipes.latency, those beyond at the end."""
    names = [*(_span(upper) for upper in CLASSES_S), "more"]
    found = [number for number, count in enumerate(counts) if count]
    first, last = (found[0], found[-1]) if found else (0, -1)
    frame = pd.DataFrame(
        {"time": names[first : last + 1], "count": list(counts)[first : last + 1]},
    )
    draw(frame, _histogram_spec(), key, "Histogram of the stage's time")


def _span(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
