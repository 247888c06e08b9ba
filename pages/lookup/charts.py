"""Charts of what lookups did: over time, and by latency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pandas as pd

from components import charts
from services.checks.cloudwatch import Series
from services.lookup.stats import BOUNDS_MS, BUCKET_S, Bucket, Stats

_HIT, _MISS, _READ, _SAVED = "hits", "misses", "DynamoDB reads", "reads saved"
_CACHE, _TABLE = "Momento cache", "DynamoDB table"
_OURS = "this dashboard's lookups"


def _over_time(title: str, domain: Sequence[str], colours: Sequence[str], stacked: bool) -> dict[str, Any]:
    scale = alt.Scale(domain=list(domain), range=list(colours))
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("count:Q", title=title, stack="zero" if stacked else None),
            color=alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=2)),
            tooltip=[
                alt.Tooltip("kind:N", title="What"),
                alt.Tooltip("count:Q", title="Count"),
                alt.Tooltip("time:T", title="From", format="%H:%M:%S"),
            ],
        )
    )
    return charts.spec(chart.properties(height=220))


@cache
def _hits_spec() -> dict[str, Any]:
    return _over_time(f"Lookups in {BUCKET_S} s", (_HIT, _MISS), ("#0d9488", "#f59e0b"), stacked=True)


@cache
def _reads_spec() -> dict[str, Any]:
    return _over_time(f"Reads in {BUCKET_S} s", (_SAVED, _READ), ("#0d9488", "#3b82f6"), stacked=True)


@cache
def _units_spec() -> dict[str, Any]:
    return _over_time(f"Read units in {BUCKET_S} s", (_OURS,), ("#3b82f6",), stacked=True)


@cache
def _latency_spec() -> dict[str, Any]:
    scale = alt.Scale(domain=[_CACHE, _TABLE], range=["#0d9488", "#3b82f6"])
    chart = (
        alt.Chart(alt.Undefined)
        .mark_bar()
        .encode(
            x=alt.X("latency:N", title="Latency, ms", sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("side:N", sort=[_CACHE, _TABLE]),
            y=alt.Y("share:Q", title="Share of calls", axis=alt.Axis(format="%")),
            color=alt.Color("side:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=2)),
            tooltip=[
                alt.Tooltip("side:N", title="Side"),
                alt.Tooltip("latency:N", title="Latency, ms"),
                alt.Tooltip("calls:Q", title="Calls"),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
            ],
        )
    )
    return charts.spec(chart.properties(height=220))


@cache
def _aws_spec() -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_line(point=True)
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M", labelOverlap=True)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=True)),
            tooltip=[alt.Tooltip("time:T", title="Minute", format="%H:%M"), alt.Tooltip("value:Q", title="Value")],
        )
    )
    return charts.spec(chart.properties(height=160))


def hits_and_misses(buckets: Sequence[Bucket], where: tzinfo) -> None:
    """Hits and misses of each bucket."""
    pairs = {_HIT: [each.counts.hits for each in buckets], _MISS: [each.counts.misses for each in buckets]}
    charts.draw(_rows(buckets, pairs, where), _hits_spec(), "lookup_hits", "Cache hits and misses over time")


def reads(buckets: Sequence[Bucket], where: tzinfo) -> None:
    """Table reads made and saved in each bucket."""
    pairs = {_SAVED: [each.counts.saved for each in buckets], _READ: [each.counts.table_reads for each in buckets]}
    charts.draw(_rows(buckets, pairs, where), _reads_spec(), "lookup_reads", "DynamoDB reads made and saved over time")


def units(buckets: Sequence[Bucket], where: tzinfo) -> None:
    """Read units consumed in each bucket."""
    frame = _rows(buckets, {_OURS: [each.counts.units for each in buckets]}, where)
    charts.draw(frame, _units_spec(), "lookup_units", "Read capacity units consumed over time")


def latencies(stats: Stats) -> None:
    """How the calls of each side spread over the classes of latency; each side's shares add up to 1."""
    labels = [f"≤ {bound:g}" for bound in BOUNDS_MS] + [f"> {BOUNDS_MS[-1]:g}"]
    rows = []
    for side, found in ((_CACHE, stats.cache), (_TABLE, stats.table)):
        calls = sum(found.classes)
        rows += [
            (label, side, count, count / calls) for label, count in zip(labels, found.classes, strict=True) if calls
        ]
    last = max(
        (place for place, count in enumerate(zip(stats.cache.classes, stats.table.classes, strict=True)) if any(count)),
        default=0,
    )
    shown = set(labels[: last + 1])
    frame = pd.DataFrame([row for row in rows if row[0] in shown], columns=["latency", "side", "calls", "share"])
    charts.draw(frame, _latency_spec(), "lookup_latency", "Latency of cache and table reads")


def aws_series(series: Series, where: tzinfo, key: str) -> None:
    """One of AWS's own series."""
    frame = pd.DataFrame({"value": [point.value for point in series.points]})
    frame.insert(0, "time", charts.moments([point.start for point in series.points], where))
    charts.draw(frame, _aws_spec(), key, f"{series.name} as AWS counts it")


def _rows(
    buckets: Sequence[Bucket], counts: dict[str, list[float]] | dict[str, list[int]], where: tzinfo
) -> pd.DataFrame:
    """A row for each bucket and kind that is not 0."""
    rows = [
        (bucket.start, kind, count)
        for place, bucket in enumerate(buckets)
        for kind, values in counts.items()
        if (count := values[place])
    ]
    frame = pd.DataFrame(rows, columns=["time", "kind", "count"])
    frame["time"] = charts.moments([start for start, _, _ in rows], where)
    return frame
