"""Pipes: the health of each pipe, what became of the writes, and how long they took."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from components.freshness import freshness, latest
from components.parts import part
from core import names
from core.errors import DashboardError
from pages.frame import access, context
from pages.pipes import card, latency_charts
from pages.pipes.ledger import pipe_ledger
from services.app.pipeline import Pipeline
from services.dead_letters.age import LetterAges, ages
from services.pipes.health import WINDOWS_S, Health, PipeHealth
from services.pipes.latency import Sample, Stage, histogram, over_time, percentile, times

state = st.session_state


def _letter_ages(pipeline: Pipeline) -> dict[str, LetterAges] | None:
    """By pipe; None when the queue cannot be read. An empty queue is not looked at: a look disturbs others' looks."""
    try:
        total = pipeline.depth.get().value.total
        return ages(pipeline.dead_letters.letters().value.letters, total) if total else {}
    except DashboardError:
        return None


def _card(pipe: PipeHealth, watched: bool, letters: dict[str, LetterAges] | None) -> None:
    with st.container(border=True, height="stretch", key=f"card_{pipe.flow}"):
        st.subheader(pipe.flow)
        card.show(pipe, watched)
        card.dead_letters(None if letters is None else letters.get(names.pipe(pipe.flow), LetterAges()))
        if pipe.pipe is not None:
            card.state(pipe.pipe)
            _switches(pipe.flow, pipe.pipe.state)
            card.settings(pipe.pipe)
        st.page_link("logs/page.py", label="Executions in the log", query_params={"pipe": pipe.flow})


def _switches(flow: str, current: str) -> None:
    """Start or stop, whichever makes sense, for operators."""
    if not access.is_operator():
        return
    if current in ("STOPPED", "START_FAILED"):
        st.button("Start", icon=":material/play_arrow:", key=f"start_{flow}", on_click=_start, args=(flow,))
    elif current in ("RUNNING", "STOP_FAILED") and st.button("Stop", icon=":material/stop:", key=f"stop_{flow}"):
        state.pipe_to_stop = flow
        # The dialog belongs to the page, not to the part of it that draws itself anew every two seconds.
        st.rerun()


def _start(flow: str) -> None:
    _change("Starting a pipe", flow)


def _confirm_stop() -> None:
    _change("Stopping a pipe", state.pop("pipe_to_stop"))


def _change(act: str, flow: str) -> None:
    state.pop("pipes_error", None)
    try:
        someone, pipeline = access.require_operator(act), context.pipeline()
        with pipeline.audit.acting(act, someone.name, "", pipe=flow):
            (pipeline.start_pipe if act.startswith("Starting") else pipeline.stop_pipe)(flow)
    except DashboardError as error:
        state.pipes_error = error


def _keep_running() -> None:
    state.pop("pipe_to_stop", None)


@st.dialog("Stop this pipe?", on_dismiss=_keep_running)
def _stop_dialog(flow: str) -> None:
    if "pipe_to_stop" not in state:
        st.rerun()
    st.text(flow)
    st.write(
        "What is written from now on waits in the table's stream, which forgets it after 24 hours. "
        "AWS does not say whether a pipe goes on there after a start, or at the newest record."
    )
    with st.container(horizontal=True):
        st.button("Stop it", type="primary", key="pipe_stop_yes", on_click=_confirm_stop)
        st.button("Keep it running", key="pipe_stop_no", on_click=_keep_running)


def _ledger(health: Health, wanted: str | None) -> None:
    st.subheader("Ledger")
    watch = health.watch
    if not watch.on or watch.since is None:
        st.text(
            "The table's stream is not watched: which records wait is unknown, and so is the ledger."
            if not watch.on
            else "The watch of the table's stream has not begun yet."
        )
        if watch.problem:
            st.text(watch.problem)
        return
    window = st.segmented_control(
        "Window", WINDOWS_S, default=WINDOWS_S[0], required=True, key="ledger_window", format_func=_minutes
    )
    pipe_ledger({pipe.flow: pipe.ledgers[window] for pipe in health.pipes if wanted in (None, pipe.flow)})
    since = max(watch.since, health.complete_since, health.at - window)
    log = "The log cannot be read" if health.log_unread else f"The log is {health.late_s:.1f} s behind"
    where = context.viewer_zone()
    st.caption(f"Writes since {formats.clock(since, where)}. {log}; what it does not show yet counts as in flight.")
    if health.complete_since > health.at - window:
        st.text("There were too many changes to keep them all: older ones of this window are not counted.")
    if watch.gap_at is not None and watch.gap_at > health.at - window:
        st.text(f"Changes were missed at {formats.clock(watch.gap_at, where)}: the stream had forgotten them.")
    late_s = watch.late_s(time.time())
    if late_s is not None:
        st.text(f"The stream has not been read for {formats.age(late_s)}: younger writes are not counted.")
    if watch.problem:
        st.text(watch.problem)
    blind = [pipe.flow for pipe in health.pipes if not pipe.waiting_known]
    if blind:
        st.text(f"The log does not name the records of {', '.join(blind)}: log level and execution data decide that.")


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min"


def _latency(pipeline: Pipeline, wanted: str | None) -> None:
    st.subheader("Latency")
    left, right = st.columns(2)
    with left:
        flow = wanted or st.segmented_control(
            "Pipe", names.FLOWS, default=names.FLOWS[0], required=True, key="latency_pipe"
        )
    with right:
        stage = st.segmented_control(
            "Stage", list(Stage), default=Stage.TOTAL, required=True, key="latency_stage", format_func=_stage_name
        )
    now = time.time()
    samples = latest(pipeline.samples)[flow]
    _stage_numbers(samples)
    spans = [span for span in over_time(samples, now - WINDOWS_S[-1], now) if span.stage is stage]
    over, classes = st.columns(2)
    with over:
        st.text("Over time")
        latency_charts.percentiles(spans, context.viewer_zone(), key="latency_over_time")
    with classes:
        st.text("How many took how long")
        latency_charts.histogram(histogram(samples, stage), key="latency_classes")
    st.caption(
        "Of successful executions of the last quarter of an hour. In the stream: from creation, which DynamoDB gives "
        "in whole seconds, to the start of the execution. Target: the call, with the template before it."
    )


def _stage_name(stage: Stage) -> str:
    return stage.value.capitalize()


def _stage_numbers(samples: list[Sample]) -> None:
    rows = []
    for stage in Stage:
        ordered = times(samples, stage)
        found = [formats.milliseconds(percentile(ordered, each) * 1000) if ordered else "–" for each in (50, 90, 99)]
        rows.append([_stage_name(stage), *found, len(ordered)])
    st.dataframe(
        pd.DataFrame(rows, columns=["Stage", "p50", "p90", "p99", "Executions"]),
        hide_index=True,
        key="latency_stages",
        alt="Percentiles of each stage",
    )


@part(run_every=2)
def _live(wanted: str | None) -> None:
    with guarded():
        pipeline = context.pipeline()
        health = latest(pipeline.health)
        shown = [pipe for pipe in health.pipes if wanted in (None, pipe.flow)]
        letters = _letter_ages(pipeline)
        for column, pipe in zip(st.columns(len(shown)), shown, strict=True):
            with column:
                _card(pipe, health.watch.on, letters)
        with guarded():
            _ledger(health, wanted)
        with guarded():
            _latency(pipeline, wanted)
        freshness(pipeline.pipes, pipeline.log, key="refresh_pipes")


st.title("Pipes")
choice = st.selectbox("Pipe", names.FLOWS, index=None, placeholder="All pipes", key="flow", bind="query-params")
if "pipes_error" in state:
    error_box(state.pipes_error)
_live(choice)
if "pipe_to_stop" in state:
    _stop_dialog(state.pipe_to_stop)
