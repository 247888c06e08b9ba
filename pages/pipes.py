"""Pipes: the three pipes with their state, their last executions, and the lines of their log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import guarded
from components.freshness import freshness
from pages import context
from provision import names
from services.pipe_logs import Execution, LogRecord, Outcome, PipeTally
from services.pipeline import Pipeline
from services.pipes import Pipe

#: Rows of each table.
SHOWN = 100
_SIGNS = {
    Outcome.SUCCEEDED: "✓ succeeded",
    Outcome.FAILED: "✕ failed",
    Outcome.RUNNING: "… running",
    Outcome.HOLDING: "… holding",
}


def _card(pipe: Pipe, done: PipeTally) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader(pipe.flow)
        state = pipe.state.lower().replace("_", " ")
        with st.container(horizontal=True):
            st.badge(state, icon=_icon(pipe), color="green" if pipe.running else "red")
            if done.holding:
                st.badge("holding", icon=":material/hourglass:", color="orange")
            if done.failed:
                st.badge(f"{done.failed:,} failed lately", icon=":material/error:", color="red")
        if pipe.reason:
            st.text(pipe.reason)
        last = done.last_success_ms
        st.text(f"Last delivery {formats.ago(time.time() - last / 1000)}" if last else "No delivery lately")
        with st.expander("Settings"):
            st.text(_settings(pipe))


def _icon(pipe: Pipe) -> str:
    return ":material/check:" if pipe.running else ":material/error:"


def _settings(pipe: Pipe) -> str:
    lines = (
        f"Filter: {' or '.join(pipe.filters) or 'none, every record'}",
        f"Batch size: {pipe.batch_size}",
        f"Retries: {'without end' if pipe.retries == -1 else pipe.retries}",
        f"Starting position: {pipe.starting_position}",
        f"Log level: {pipe.log_level or 'OFF'}",
        f"Target: {pipe.target.rpartition('api-destination/')[2]}",
        f"Dead-letter queue: {pipe.dead_letter_queue.rpartition(':')[2] or 'none'}",
    )
    return "\n".join(lines)


def _execution_rows(found: Sequence[Execution], where: tzinfo) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Started": [formats.clock(execution.started_ms / 1000, where) for execution in found],
            "Pipe": [_flow(execution.pipe) for execution in found],
            "Outcome": [_SIGNS[execution.outcome] for execution in found],
            "Event": [execution.event_name for execution in found],
            "Location": [execution.location for execution in found],
            "Took": [formats.milliseconds(execution.duration_ms) for execution in found],
            "Failed attempts": [execution.attempts for execution in found],
            "Error": [execution.error for execution in found],
            "Execution": [execution.execution_id for execution in found],
        }
    )


def _record_rows(found: Sequence[LogRecord], where: tzinfo) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Time": [formats.clock(record.time_ms / 1000, where) for record in found],
            "Pipe": [_flow(record.pipe) for record in found],
            "Level": [record.level for record in found],
            "Message type": [record.message_type or "not a pipe's record" for record in found],
            "Error": [record.error for record in found],
            "Record": [record.raw for record in found],
        }
    )


def _flow(pipe: str) -> str:
    return names.FLOW_OF.get(pipe, pipe)


def _cards(pipeline: Pipeline) -> None:
    pipes = pipeline.pipes.get().value
    tallies: dict[str, PipeTally] = {}
    with guarded():
        tallies = context.recent_tallies(pipeline)
    for column, pipe in zip(st.columns(len(pipes)), pipes, strict=True):
        with column:
            _card(pipe, tallies.get(pipe.name, PipeTally()))


def _logs(pipeline: Pipeline, wanted: str | None, location: str) -> None:
    where = context.viewer_zone()
    log = pipeline.log.get().value
    found = [one for one in log.executions if wanted in (None, one.pipe) and location in ("", one.location)]
    # Most records of an execution do not name the location; the execution that they belong to does.
    executions = {one.execution_id for one in found}
    records = [
        one for one in log.records if wanted in (None, one.pipe) and (not location or one.execution_id in executions)
    ]
    newest = sorted(records, key=lambda record: record.time_ms, reverse=True)[:SHOWN]
    st.subheader("Executions")
    if not found:
        st.write("None in the last quarter of an hour.")
    else:
        st.dataframe(
            _execution_rows(found[:SHOWN], where),
            hide_index=True,
            column_config={"Error": st.column_config.TextColumn(width="large")},
            key="pipe_executions",
            alt="Executions of the pipes, newest first",
        )
        st.caption(f"The newest {min(SHOWN, len(found)):,} of {len(found):,} executions read.")
    st.subheader("Log records")
    if newest:
        st.dataframe(
            _record_rows(newest, where),
            hide_index=True,
            key="pipe_records",
            alt="Log records of the pipes, newest first",
        )
    else:
        st.write("None in the last quarter of an hour.")


@st.fragment(run_every=2)
def _live(wanted: str | None, location: str) -> None:
    with guarded():
        pipeline = context.pipeline()
        with guarded():
            _cards(pipeline)
        freshness(pipeline.pipes, pipeline.log, key="refresh_pipes")
        with guarded():
            _logs(pipeline, wanted, location)


st.title("Pipes")
pipe, location = st.columns(2)
choice = pipe.selectbox(
    "Executions and log records of",
    names.PIPES,
    format_func=_flow,
    index=None,
    placeholder="All pipes",
    key="pipes_wanted",
)
# Not "location": Streamlit takes a parameter of the live topic's address away when that page is left.
place = location.text_input("Location", key="record", placeholder="All; type a name", bind="query-params")
_live(choice, place.strip())
