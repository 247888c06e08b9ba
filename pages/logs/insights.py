"""The part of the page Logs that asks Logs Insights: the query, what it will cost, and what it found."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from components import formats, log_tables
from components.boxes import error_box, guarded
from components.log_tables import OnRow
from components.parts import part
from core.config import Target
from core.errors import DashboardError
from pages.frame import context
from pages.frame.access import is_operator, require_operator
from services.logs.error_signature import signature
from services.logs.executions import Execution, LogRecord, executions
from services.logs.insights import MOST_RECORDS, USD_PER_GB, Estimate, InsightsAnswer, price, query_text
from services.logs.queries import LogQuery

state = st.session_state

#: Executions that the table shows.
SHOWN = 500
_HOUR_MS = 3_600_000
#: Window in words -> ms.
WINDOWS = {
    "3 h": 3 * _HOUR_MS,
    "1 day": 24 * _HOUR_MS,
    "3 days": 72 * _HOUR_MS,
    "7 days": 168 * _HOUR_MS,
    "30 days": 720 * _HOUR_MS,
}


def show(query: LogQuery, on_execution: OnRow) -> None:
    """The whole part. `on_execution` takes the number of a row of `found()` that was selected."""
    st.write(
        "Logs Insights searches the log group itself, over a window of its own. CloudWatch charges for the bytes "
        "that a query scans, whatever it finds."
    )
    if context.runtime().target is Target.SANDBOX:
        st.caption("In the sandbox its emulator answers, and nothing is charged.")
    window = st.selectbox("Window of the query", list(WINDOWS), index=1, key="insights_window", width=200)
    end_ms = int(time.time() * 1000) // 60_000 * 60_000 + 60_000
    wanted = replace(query, since_ms=end_ms - WINDOWS[window], until_ms=end_ms)
    st.code(query_text(wanted), language=None, wrap_lines=True)
    if query.outcome or query.signature:
        st.caption("Outcome and error are of executions, not of records: they are applied to what the query finds.")
    with guarded():
        _cost(context.pipeline().log_insights.estimate(wanted.since_ms, end_ms))
    running = "insights_id" in state
    with st.container(horizontal=True):
        st.button(
            "Run the query",
            type="primary",
            icon=":material/play_arrow:",
            key="insights_run",
            disabled=running or not is_operator(),
            on_click=_run,
            args=(wanted,),
        )
        st.button("Stop it", icon=":material/stop:", key="insights_stop", disabled=not running, on_click=_stop)
    if not is_operator():
        st.caption("Running a query costs money, and is for operators.")
    if "insights_error" in state:
        error_box(state.insights_error)
    part(run_every=1 if running else None)(_result)(on_execution)


def _cost(estimate: Estimate) -> None:
    st.write(
        f"It will scan about **{_bytes(estimate.scanned_bytes)}** of the {_bytes(estimate.stored_bytes)} that the "
        f"group stores, for **{_usd(estimate.usd)}**. The bytes are an estimate, as if the group had grown evenly; "
        f"the price is an example: {USD_PER_GB:g} US dollars for a GB."
    )


def _run(query: LogQuery) -> None:
    for key in ("insights_error", "insights_answer", "insights_id"):
        state.pop(key, None)
    try:
        require_operator("Running a Logs Insights query")
        state.insights_id = context.pipeline().log_insights.start(query)
        state.insights_query = query
    except DashboardError as error:
        state.insights_error = error


def _stop() -> None:
    try:
        require_operator("Stopping a Logs Insights query")
        context.pipeline().log_insights.stop(state.insights_id)
    except DashboardError as error:
        state.insights_error = error


def _result(on_execution: OnRow) -> None:
    if "insights_id" in state:
        try:
            state.insights_answer = context.pipeline().log_insights.answer(state.insights_id)
        except DashboardError as error:
            state.insights_error = error
            del state.insights_id
            st.rerun()
        if state.insights_answer.over:
            del state.insights_id
            st.rerun()
    answer: InsightsAnswer | None = state.get("insights_answer")
    if answer is None:
        return
    st.text(
        f"{answer.status}: scanned {_bytes(answer.scanned_bytes)} in {formats.counted(answer.scanned, 'record')}, "
        f"{_usd(price(answer.scanned_bytes))} at the example price. {answer.matched:,} match."
    )
    if answer.matched > MOST_RECORDS:
        st.caption(f"The newest {MOST_RECORDS:,} of them are here.")
    ones = found()
    if ones:
        log_tables.executions(ones[:SHOWN], context.viewer_zone(), key="logs_insights_executions", on_row=on_execution)
        st.caption(
            f"{formats.counted(len(ones), 'execution')}, as far as their records match; the newest 500 are shown."
        )


def found() -> list[Execution]:
    """The executions that the last query's records tell of, and that match what is not in the query."""
    answer: InsightsAnswer | None = state.get("insights_answer")
    query: LogQuery | None = state.get("insights_query")
    if answer is None or query is None:
        return []
    return [
        one
        for one in executions(answer.records)
        if query.outcome in (None, one.outcome) and query.signature in ("", signature(one.error, one.status))
    ]


def records_of(execution_id: str) -> tuple[LogRecord, ...]:
    """The last query's records of one execution, in the order of their times."""
    answer: InsightsAnswer | None = state.get("insights_answer")
    mine = [record for record in answer.records if record.execution_id == execution_id] if answer else []
    return tuple(sorted(mine, key=lambda record: record.time_ms))


def _bytes(number: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,} bytes"


def _usd(amount: float) -> str:
    return f"about {amount:,.2f} US dollars" if amount >= 0.01 else "less than 0.01 US dollars"
