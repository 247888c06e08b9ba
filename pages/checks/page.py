"""Checks: settings that lose records, the canary, CloudWatch's numbers beside ours, and the alarms."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from components.freshness import freshness, latest
from components.parts import part
from core.errors import DashboardError
from pages.checks.canary import canary_runs, canary_state
from pages.checks.findings import lint_table
from pages.checks.metric_tables import alarm_table, comparison_table, metric_charts, metric_table
from pages.frame import access, context
from services.app.pipeline import Pipeline

state = st.session_state

_TABS = ("Settings", "Canary", "Metrics", "Alarms")


@part(run_every=5)
def _settings() -> None:
    with guarded():
        pipeline = context.pipeline()
        findings = latest(pipeline.findings)
        lint_table(findings)
        freshness(pipeline.findings, key="refresh_settings")


def _start_canary() -> None:
    _act("Starting the canary", lambda pipeline: pipeline.canary.start(state.canary_interval))


def _stop_canary() -> None:
    _act("Stopping the canary", lambda pipeline: pipeline.canary.stop())


def _act(what: str, order: Callable[[Pipeline], None]) -> None:
    """Gives one order; what goes wrong is shown by the page that is drawn next."""
    state.pop("checks_error", None)
    try:
        someone, pipeline = access.require_operator(what), context.pipeline()
        with pipeline.audit.acting(what, someone.name, ""):
            order(pipeline)
    except DashboardError as error:
        state.checks_error = error


def _canary_form() -> None:
    st.write(
        "A reserved record is written, followed through every stage, and deleted again. "
        "It tells whether the pipeline works even when nobody writes."
    )
    operator = access.is_operator()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Run the canary every",
            context.pipeline().canary.pace.intervals_s,
            format_func=formats.age,
            key="canary_interval",
            disabled=not operator,
        )
        st.button(
            "Start the canary",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start_canary,
            disabled=not operator,
        )
        st.button("Stop the canary", icon=":material/stop:", on_click=_stop_canary, disabled=not operator)
    if not operator:
        st.caption("Only operators may start and stop it.")


@part(run_every=2)
def _canary() -> None:
    with guarded():
        status = context.pipeline().canary.status()
        canary_state(status)
        canary_runs(status.runs, context.viewer_zone())


@part(run_every=5)
def _metrics() -> None:
    with guarded():
        pipeline, where = context.pipeline(), context.viewer_zone()
        found = latest(pipeline.measurement)
        st.write("CloudWatch has one value a minute, and has it a minute or more late.")
        freshness(pipeline.measurement, key="refresh_metrics")
        st.subheader("CloudWatch beside the pipes' log")
        if found.log_error is None:
            comparison_table(found.compared, where)
        else:
            error_box(found.log_error)
        st.subheader("The last hour")
        metric_charts(found.measured, where)
        metric_table(found.measured, where)


@part(run_every=5)
def _alarms() -> None:
    with guarded():
        pipeline = context.pipeline()
        found = latest(pipeline.alarms)
        alarm_table(found, context.viewer_zone())
        freshness(pipeline.alarms, key="refresh_alarms")


st.title("Checks")
if "checks_error" in state:
    error_box(state.checks_error)
settings, canary, metrics, alarms = st.tabs(_TABS, key="show", on_change="rerun", bind="query-params")
# What is not looked at is not read.
if settings.open:
    with settings:
        _settings()
if canary.open:
    with canary:
        with guarded():
            _canary_form()
        _canary()
if metrics.open:
    with metrics:
        _metrics()
if alarms.open:
    with alarms:
        _alarms()
