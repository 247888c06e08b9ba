"""The canary on screen: how it stands, its percentiles, a chart and the runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd
import streamlit as st

from components import charts, formats
from services.tracking.canary import KEPT, CanaryRun, CanaryStatus, Stage, percentile

#: The stages that the chart draws; with all six it would have too many points.
_CHARTED = (Stage.TOLD, Stage.READABLE, Stage.TOLD_GONE, Stage.GONE)


def canary_state(status: CanaryStatus) -> None:
    """Whether it runs, when next, and how many were lost."""
    with st.container(horizontal=True):
        interval = status.interval_s
        st.metric("Canary", f"every {formats.age(interval)}" if interval else "off", border=True)
        st.metric("Next run", _next(status), border=True)
        st.metric("Runs", formats.number(status.flown), border=True, help="Since the dashboard started")
        st.metric("Lost", formats.number(status.lost), border=True, help="Since the dashboard started")
    if not status.runs:
        return
    last = status.runs[-1]
    if last.missing is None:
        st.success(f"The last canary passed every stage, {_ago(last)}.", icon=":material/check_circle:")
    else:
        st.error(
            f'The last canary was lost, {_ago(last)}: "{last.missing.value}" did not come '
            f"within {status.patience_s:g} s.",
            icon=":material/error:",
        )
        if last.problem:
            st.text(last.problem)


def _next(status: CanaryStatus) -> str:
    if status.next_at is None:
        return "–"
    left_s = status.next_at - time.time()
    return f"in {formats.age(left_s)}" if left_s >= 1 else "under way"


def _ago(run: CanaryRun) -> str:
    return formats.ago(time.time() - run.started_at)


def canary_runs(runs: Sequence[CanaryRun], where: tzinfo) -> None:
    """Percentiles per stage, the chart and the list of the runs that are kept."""
    if not runs:
        st.text("No canary has run yet.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "Stage": [stage.value for stage in Stage],
                "p50": [formats.milliseconds(percentile(runs, stage, 0.5)) for stage in Stage],
                "p99": [formats.milliseconds(percentile(runs, stage, 0.99)) for stage in Stage],
                "Did not come": [sum(run.missing is stage for run in runs) for stage in Stage],
            }
        ),
        hide_index=True,
        key="canary_stages",
        alt="How long each stage of the canary takes",
    )
    charts.stages(_rows(runs, where), key="canary_chart")
    st.caption("Milliseconds since the write, or for the last two stages since the delete, was sent.")
    newest = list(runs)[::-1]
    st.dataframe(
        pd.DataFrame(
            {
                "Began": [formats.moment(run.started_at, where) for run in newest],
                "Outcome": [_outcome(run) for run in newest],
                **{stage.value: [formats.milliseconds(run.ms(stage)) for run in newest] for stage in Stage},
                "Problem": [run.problem for run in newest],
            }
        ),
        hide_index=True,
        key="canary_runs",
        alt="Runs of the canary, newest first",
    )
    st.caption(f"The last {KEPT} runs are kept, until the dashboard ends.")


def _outcome(run: CanaryRun) -> str:
    return "✓ passed" if run.missing is None else "✕ lost"


def _rows(runs: Sequence[CanaryRun], where: tzinfo) -> pd.DataFrame:
    points = [
        (run.started_at, stage.value, ms) for run in runs for stage in _CHARTED if (ms := run.ms(stage)) is not None
    ]
    rows = pd.DataFrame(points, columns=["time", "stage", "ms"])
    rows["time"] = charts.moments([moment for moment, _, _ in points], where)
    return rows
