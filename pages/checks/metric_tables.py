"""CloudWatch's metrics and alarms on screen, and CloudWatch beside the pipes' log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from itertools import groupby

import pandas as pd
import streamlit as st

from components import charts, formats
from services.checks.alarms import Alarm
from services.checks.stack_metrics import Comparison, Measured

_STATES = {"OK": "✓ ok", "ALARM": "✕ alarm", "INSUFFICIENT_DATA": "? not enough data"}


def metric_charts(measured: Sequence[Measured], where: tzinfo) -> None:
    """One small chart for each kind of metric that was ever above zero, and the names of those that were not."""
    groups = [(title, list(group)) for title, group in groupby(measured, key=lambda one: one.metric.group)]
    drawn = [(title, group) for title, group in groups if _moved(group)]
    for start in range(0, len(drawn), 3):
        for column, (title, group) in zip(st.columns(3), drawn[start : start + 3], strict=False):
            with column:
                unit = group[0].series.unit
                st.markdown(f"**{title}**, {unit}")
                charts.minutes(_rows(group, where), unit=unit, title=title, key=f"metric_{title}")
    quiet = [title for title, group in groups if not _moved(group)]
    if quiet:
        st.caption(f"Zero or without a value for the whole time: {', '.join(quiet)}.")


def _moved(group: Sequence[Measured]) -> bool:
    return any(point.value for one in group for point in one.series.points)


def _rows(group: Sequence[Measured], where: tzinfo) -> pd.DataFrame:
    points = [(point.start, one.metric.resource, point.value) for one in group for point in one.series.points]
    rows = pd.DataFrame(points, columns=["time", "resource", "value"])
    rows["time"] = charts.moments([start for start, _, _ in points], where)
    return rows


def metric_table(measured: Sequence[Measured], where: tzinfo) -> None:
    """The newest value of each metric, and of which minute it is."""
    st.dataframe(
        pd.DataFrame(
            {
                "Metric": [one.metric.group for one in measured],
                "Of": [one.metric.resource for one in measured],
                "Newest value": [_newest(one) for one in measured],
                "As of the minute": [_minute(one, where) for one in measured],
                "In the window": [_total(one) for one in measured],
                "CloudWatch's name": [f"{one.metric.query.namespace} {one.metric.query.metric}" for one in measured],
                "Statistic": [one.metric.query.statistic for one in measured],
            }
        ),
        hide_index=True,
        key="metric_table",
        alt="CloudWatch's metrics of the stack",
    )


def _newest(one: Measured) -> str:
    points = one.series.points
    return f"{points[-1].value:,.4g} {one.series.unit}" if points else "none"


def _minute(one: Measured, where: tzinfo) -> str:
    points = one.series.points
    return formats.clock(points[-1].start, where) if points else "–"


def _total(one: Measured) -> str:
    if not one.metric.total or not one.series.points:
        return "–"
    return f"{sum(point.value for point in one.series.points):,.6g} {one.series.unit}"


def comparison_table(compared: Sequence[Comparison], where: tzinfo) -> None:
    """CloudWatch's counts beside those of the pipes' log, over the same whole minutes."""
    if not compared:
        st.text("There is no whole minute yet that both CloudWatch and the log tell of.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "Pipe": [one.flow for one in compared],
                "Invocations, CloudWatch": [one.invocations for one in compared],
                "Executions, log": [one.executions for one in compared],
                "Failed, CloudWatch": [one.failed for one in compared],
                "Failed, log": [one.failed_logged for one in compared],
            }
        ),
        hide_index=True,
        key="metric_comparison",
        alt="CloudWatch's counts beside those of the log",
    )
    since, until = (formats.clock(moment, where) for moment in (compared[0].since, compared[0].until))
    st.caption(
        f"From {since} to {until}. An execution that began in one minute and ended in the next may count in either, "
        "and a pipe that tries again counts each invocation."
    )


def alarm_table(alarms: Sequence[Alarm], where: tzinfo) -> None:
    """The alarms with their states, those that fire first."""
    if not alarms:
        st.info(
            "The stack has no alarms: `provision` does not make them yet. The canary can tell of trouble meanwhile.",
            icon=":material/info:",
        )
        return
    st.dataframe(
        pd.DataFrame(
            {
                "Alarm": [alarm.name for alarm in alarms],
                "State": [_STATES.get(alarm.state, alarm.state) for alarm in alarms],
                "Since": [formats.moment(alarm.since, where) for alarm in alarms],
                "Reason": [alarm.reason for alarm in alarms],
                "Metric": [alarm.metric for alarm in alarms],
            }
        ),
        hide_index=True,
        key="alarms",
        alt="Alarms of the stack",
    )
