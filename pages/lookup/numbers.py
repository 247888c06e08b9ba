"""Lookup, hits and misses: what the lookups of this dashboard did and saved, beside AWS's own numbers."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import guarded
from components.parts import part
from pages.frame import context
from pages.lookup import charts
from services.app.pipeline import METRICS_WINDOW_S, Pipeline
from services.checks.cloudwatch import Series
from services.lookup.prices import PRICES, Savings, savings
from services.lookup.stats import BUCKET_S, BUCKETS, Counts, Stats

state = st.session_state


def show() -> None:
    """The tab."""
    prices = _prices()
    _numbers(*prices)


def _prices() -> tuple[float, float]:
    """What a million table reads and a GB through the cache cost, as this viewer has them."""
    if "lookup_prices" not in state:
        # The editor forgets its edits when its tab is closed; it begins anew with the prices as they were left.
        state.lookup_usd_shown = state.get("lookup_usd", [price.usd for price in PRICES])
    with st.expander("Prices that the savings are counted with"):
        st.write(
            "Examples of list prices; yours differ by region, date and contract. Change them to what you pay. A table "
            "with provisioned capacity pays for the capacity and not for each read: then put 0."
        )
        rows = pd.DataFrame(
            {
                "What": [price.name for price in PRICES],
                "USD": state.lookup_usd_shown,
                "Per": [price.unit for price in PRICES],
                "Region": [price.region for price in PRICES],
                "As of": [price.as_of for price in PRICES],
                "Source": [price.source for price in PRICES],
            }
        )
        edited = st.data_editor(
            rows,
            key="lookup_prices",
            hide_index=True,
            disabled=["What", "Per", "Region", "As of", "Source"],
            column_config={"USD": st.column_config.NumberColumn(min_value=0.0, format="%.3f", required=True)},
        )
    # What a browser sends is not trusted to keep the editor's rules.
    table, cache = (max(0.0, float(value)) if pd.notna(value) else 0.0 for value in edited["USD"])
    state.lookup_usd = [table, cache]
    return table, cache


@part(run_every=5)
def _numbers(table_usd: float, cache_usd: float) -> None:
    with guarded():
        pipeline = context.pipeline()
        stats = pipeline.lookups.stats.snapshot()
        _totals(stats.total)
        _saved(savings(stats.total, table_usd, cache_usd))
        if not stats.total.reads and not stats.total.table_reads:
            st.info("Nothing has been looked up since the dashboard started. Look a record up, or start a load test.")
        else:
            _over_time(stats)
        _aws(pipeline, stats)


def _totals(total: Counts) -> None:
    st.subheader("All lookups since the dashboard started")
    with st.container(horizontal=True):
        st.metric("Cache hits", formats.number(total.hits), border=True)
        st.metric("Cache misses", formats.number(total.misses), border=True)
        st.metric("Hit rate", f"{total.hits / total.reads:.0%}" if total.reads else "–", border=True)
        st.metric("DynamoDB reads", formats.number(total.table_reads), border=True)
        st.metric(
            "Reads saved",
            formats.number(total.saved),
            border=True,
            help="Hits while reading through; a look at both sides reads the table in any case and saves nothing",
        )
        st.metric("Capacity consumed", f"{total.units:g} RCU", border=True)


def _saved(saved: Savings) -> None:
    with st.container(horizontal=True):
        st.metric("Saved on table reads", _usd(saved.table_usd), border=True)
        st.metric("Spent on the cache", _usd(saved.cache_usd), border=True)
        st.metric("Net", _usd(saved.net_usd), border=True)
        st.metric(
            "Time saved",
            "–" if saved.time_ms is None else _duration(saved.time_ms),
            border=True,
            help="Reads saved × (mean latency of the table − mean latency of the cache); below zero when it was slower",
        )


def _usd(amount: float) -> str:
    # What rounds to nothing has no sign.
    amount = round(amount, 6) + 0.0
    return f"USD {amount:.6f}" if abs(amount) < 0.01 else f"USD {amount:,.2f}"


def _duration(milliseconds: float) -> str:
    words = formats.milliseconds(abs(milliseconds))
    return f"−{words}" if milliseconds < 0 else words


def _over_time(stats: Stats) -> None:
    where = context.viewer_zone()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Hits and misses")
        charts.hits_and_misses(stats.buckets, where)
        st.subheader("Latency")
        charts.latencies(stats)
    with right:
        st.subheader("Table reads made and saved")
        charts.reads(stats.buckets, where)
        st.subheader("Read capacity consumed")
        charts.units(stats.buckets, where)
    st.caption(
        f"Counted in steps of {BUCKET_S} s, of which the last {BUCKETS} with lookups are kept. Latency is the call "
        "as this machine sees it, network included."
    )


def _aws(pipeline: Pipeline, stats: Stats) -> None:
    st.subheader("AWS's own numbers")
    with guarded():
        reading = pipeline.table_metrics.last()
        units, calls, latency = reading.value
        with st.container(horizontal=True):
            st.metric("Read capacity, all readers", f"{_sum(units):g} RCU", border=True)
            st.metric("GetItem calls, all readers", formats.number(_sum(calls)), border=True)
            st.metric("GetItem latency inside AWS", _mean(latency, calls), border=True)
            ours = stats.total.table_ms / stats.total.table_reads if stats.total.table_reads else None
            st.metric("GetItem latency seen here", formats.milliseconds(ours), border=True)
        st.caption(
            f"CloudWatch, the last {formats.age(METRICS_WINDOW_S)}, read {formats.ago(time.time() - reading.read_at)}. "
            "It counts every reader of the table, by the minute, and comes a minute or more late; the lookups above "
            "are only ours."
        )
        if units.points:
            left, right = st.columns(2, gap="large")
            with left:
                st.text("Read capacity consumed, units per minute")
                charts.aws_series(units, context.viewer_zone(), "aws_units")
            with right:
                st.text("GetItem latency, mean of each minute in ms")
                charts.aws_series(latency, context.viewer_zone(), "aws_latency")
        else:
            st.text("CloudWatch has no number of this hour yet.")


def _sum(series: Series) -> float:
    return sum(point.value for point in series.points)


def _mean(latency: Series, calls: Series) -> str:
    """The mean over all calls: that of each minute counts as often as the minute had calls."""
    weights = {point.start: point.value for point in calls.points}
    total = sum(weights.get(point.start, 0.0) for point in latency.points)
    if not total:
        return "–"
    return formats.milliseconds(sum(point.value * weights.get(point.start, 0.0) for point in latency.points) / total)
