"""Lookup, load test: many reads through the cache at a bounded rate, and what came of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pandas as pd
import streamlit as st

from components import formats, job_progress
from components.boxes import error_box, guarded
from components.parts import part
from core import names
from core.config import Target
from core.errors import DashboardError, InvalidInput
from pages.frame import access, context
from services.jobs.jobs import Control
from services.lookup import load_keys, load_test
from services.lookup.load_keys import KEYS_MAX, KEYS_MIN, NAMED_MAX, KeyChoice
from services.lookup.load_test import (
    RATE_MAX,
    RATE_MIN,
    READS_MAX,
    READS_MIN,
    Draw,
    LoadPlan,
    LoadResult,
    Spread,
)

state = st.session_state

_DEFAULTS = {
    "load_prefix": "",
    "load_named": [],
    "load_most": 1_000,
    "load_draw": Draw.EVEN.value,
    "load_reads": 1_000,
    "load_rate": 200,
    "load_fill": True,
}


def show() -> None:
    """The tab."""
    st.write(
        "Reads through the cache as an application would: a hit costs no table read, a miss reads the table. "
        "It is the real cache and the real table that are read."
    )
    if access.is_operator():
        _form()
    else:
        st.info("Starting a load test is for operators.")
    if "load_error" in state:
        error_box(state.load_error)
    with guarded():
        job = context.pipeline().load_job.job
        # Only a running job is looked at again and again.
        part(run_every=1 if job is not None and job.progress.running else None)(_progress)()


def costs_money() -> bool:
    """Whether the reads are paid for."""
    return context.runtime().target is Target.AWS


def _form() -> None:
    for name, value in _DEFAULTS.items():
        state.setdefault(name, value)
    with st.form("load_form"):
        left, right = st.columns(2)
        with left:
            st.number_input("Reads", min_value=READS_MIN, max_value=READS_MAX, step=100, key="load_reads")
            st.text_input("Only locations that begin with", key="load_prefix", placeholder="all of them")
            st.number_input(
                "Records to draw from, at most", min_value=KEYS_MIN, max_value=KEYS_MAX, step=100, key="load_most"
            )
        with right:
            st.number_input(
                "Reads per second, at most", min_value=RATE_MIN, max_value=RATE_MAX, step=50, key="load_rate"
            )
            st.selectbox("How they are drawn", [draw.value for draw in Draw], key="load_draw")
            st.multiselect(
                "Or just these locations",
                _known(),
                key="load_named",
                accept_new_options=True,
                max_selections=NAMED_MAX,
                placeholder="Choose some, or type a name",
            )
        st.checkbox("Fill the cache after a miss", key="load_fill")
        if costs_money():
            st.text_input(
                "This costs money. Type the table's name to confirm", key="load_confirm", placeholder=names.TABLE
            )
        st.form_submit_button("Start", type="primary", icon=":material/speed:", on_click=_start)
    st.caption(
        "The records to draw from are read first, in the table's own order, which is no order of names: one read unit "
        "for each 4 KB, and a beginning that few records have may need the whole table. Locations that are named are "
        "drawn whether the table has them or not."
    )


def _known() -> list[str]:
    """Locations to choose from; a name can be typed also when the table cannot be read, which the test will say."""
    with suppress(DashboardError):
        return sorted({*context.known_locations(), *state.load_named})
    return sorted(state.load_named)


def _start() -> None:
    state.pop("load_error", None)
    try:
        someone = access.require_operator("Starting a load test")
        if costs_money() and state.get("load_confirm") != names.TABLE:
            raise InvalidInput(
                "load_confirm", "The table's name was not typed.", f"Type {names.TABLE} and start again."
            )
        pipeline = context.pipeline()
        plan = LoadPlan((), int(state.load_reads), int(state.load_rate), Draw(state.load_draw), bool(state.load_fill))
        choice = KeyChoice(tuple(state.load_named), str(state.load_prefix), int(state.load_most))
        load_test.check_plan(plan)
        load_keys.check_choice(choice)

        def work(control: Control) -> LoadResult:
            keys = load_keys.chosen(choice, pipeline.record_pages, control)
            about = {"reads": plan.reads, "per_second": plan.rate, "fill": plan.fill}
            with pipeline.audit.acting("Running a load test", someone.name, "", **about):
                return load_test.run(replace(plan, keys=keys), pipeline.lookups.read_through, control)

        pipeline.load_job.start(context.runtime().jobs, f"The load test of {plan.reads:,} reads", work)
    except DashboardError as error:
        state.load_error = error


def _stop() -> None:
    with guarded():
        access.require_operator("Stopping a load test")
        job = context.pipeline().load_job.job
        if job is not None:
            job.cancel()


def _progress() -> None:
    with guarded():
        job = context.pipeline().load_job.job
        if job is None:
            return
        progress = job.progress
        st.subheader("The running test" if progress.running else "The last test")
        job_progress.show(progress, _stop if access.is_operator() else None, key="load")
        if progress.running:
            state.load_watched = True
        elif state.pop("load_watched", False):
            # The page that is drawn anew does not look again.
            st.rerun()
        if job.result is not None:
            _result(job.result)


def _result(result: LoadResult) -> None:
    with st.container(horizontal=True):
        st.metric("Reads", f"{result.done:,} of {result.asked:,}", border=True)
        st.metric("Keys drawn from", formats.number(result.keys), border=True)
        st.metric("Reads per second", formats.number(result.rate), border=True, help="Reached, on this machine")
        st.metric("Hits", "–" if result.hit_rate is None else f"{result.hit_rate:.1%}", border=True)
        st.metric("Reads saved", formats.number(result.hits), border=True)
        st.metric("Cache filled", formats.number(result.filled), border=True)
        st.metric("Not found", formats.number(result.not_found), border=True)
        st.metric("Consumed", f"{result.units:,.0f} RCU", border=True)
        st.metric("Errors", formats.number(sum(result.errors.values())), border=True)
    st.dataframe(
        pd.DataFrame([_row("Momento cache", result.cache), _row("DynamoDB table", result.table)]),
        hide_index=True,
        key="load_latencies",
        alt="Latencies of the load test",
    )
    if result.errors:
        rows = pd.DataFrame(sorted(result.errors.items()), columns=["Error", "Reads"])
        st.dataframe(rows, hide_index=True, key="load_errors", alt="Errors of the load test by kind")
    st.caption("Latencies are seen from this machine, with up to 8 reads under way at once.")


def _row(side: str, spread: Spread) -> dict[str, str]:
    return {
        "Side": side,
        "Calls": formats.number(spread.calls),
        "p50": formats.milliseconds(spread.p50),
        "p95": formats.milliseconds(spread.p95),
        "p99": formats.milliseconds(spread.p99),
    }
