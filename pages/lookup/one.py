"""Lookup, one record: through the cache as an application would, or on both sides, and what to do where they differ."""

from __future__ import annotations

import json
import time
from typing import Literal

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from components.parts import part
from core.errors import DashboardError
from pages.frame import access, context
from services.app.pipeline import Pipeline
from services.cache.agreement import REPAIRABLE, Judgement, Standing
from services.cache.document import never_cached
from services.cache.reconcile import Outcome, Reconciled
from services.jobs.jobs import Control
from services.lookup.read_through import Fill, Lookup, ReadThrough
from services.lookup.table_check import Comparison, make_right_audited
from services.weather.table import TableRead, key_of

state = st.session_state

_GOOD = frozenset({Standing.EQUAL})
_HARMLESS = frozenset({Standing.NEITHER, Standing.NEVER_CACHED, Standing.EXPIRED, Standing.IN_FLIGHT})
_VERDICTS = {
    Standing.EQUAL: "The cache and the table agree.",
    Standing.NEITHER: "Neither the cache nor the table has this location.",
    Standing.NEVER_CACHED: "Only the table has it, and the cache never takes it.",
    Standing.EXPIRED: "Only the table has it: its time to live ran out.",
    Standing.IN_FLIGHT: "They differ for now: a change is on its way.",
    Standing.MISSING: "Only the table has it, and the cache should.",
    Standing.ORPHANED: "Only the cache has it.",
    Standing.STALE: "They differ: the cache is out of date.",
    Standing.DEAD_LETTERED: "They differ: the delivery is in the dead-letter queue.",
}
_FILLS = {
    Fill.NOT_WANTED: ("NOT CACHED", "The cache was left as it is."),
    Fill.FILLED: ("FILLED", "The cache has now what the pipe would write; the next reader gets a hit."),
    Fill.THERE_ALREADY: (
        "CACHED MEANWHILE",
        "The cache got it from somebody else between the two reads; theirs stays.",
    ),
    Fill.NEVER_CACHED: ("NEVER CACHED", "The cache does not take it."),
    Fill.FAILED: ("NOT FILLED", "The record was read, and could not be cached."),
}


def show() -> None:
    """The tab."""
    known: list[str] = []
    with guarded():
        known = context.known_locations()
    _take_from_address()
    _form(known)
    _do_pending()
    if "lookup_error" in state:
        error_box(state.lookup_error)
    if "lookup_repaired" in state:
        _repaired(state.lookup_repaired)
    if "lookup_through" in state:
        _through(state.lookup_through)
    elif "lookup_result" in state:
        _both(state.lookup_result)
    elif "lookup_error" not in state:
        st.write("Choose a record. Read it through the cache as an application would, or compare both sides.")


def _take_from_address() -> None:
    """A link with `?location=` shows that location at once; back from another tab it is still chosen."""
    asked = st.query_params.get("location", "")
    if not asked or "lookup_location" in state:
        return
    state.lookup_location = asked
    if asked != state.get("lookup_shown"):
        state.lookup_pending = ("both", asked)


def _form(known: list[str]) -> None:
    options = known
    if state.get("lookup_location") and state.lookup_location not in known:
        options = [*known, state.lookup_location]
    operator = access.is_operator()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Location",
            options,
            index=None,
            key="lookup_location",
            placeholder="Choose or type a location",
            accept_new_options=True,
        )
        st.button("Read through", type="primary", icon=":material/bolt:", key="lookup_through_go", on_click=_read)
        st.button("Look at both sides", icon=":material/compare_arrows:", key="lookup_go", on_click=_compare)
    st.checkbox(
        "Fill the cache after a miss",
        key="lookup_fill",
        disabled=not operator,
        help="Writes into the cache what the pipe would write, unless it got a value meanwhile. For operators.",
    )


def _read() -> None:
    _ask("through")


def _compare() -> None:
    _ask("both")


def _ask(way: str) -> None:
    """Notes what to look up; the page that is drawn next does it, under a spinner."""
    _forget()
    try:
        location = key_of(state.get("lookup_location"))
        if way == "through" and state.get("lookup_fill"):
            access.require_operator("Filling the cache")
    except DashboardError as error:
        state.lookup_error = error
        return
    state.lookup_pending = (way, location)


def _forget() -> None:
    for name in ("lookup_result", "lookup_through", "lookup_error", "lookup_repaired", "lookup_expires_at"):
        state.pop(name, None)


def _do_pending() -> None:
    pending: tuple[str, str] | None = state.pop("lookup_pending", None)
    if pending is None:
        return
    way, location = pending
    state.lookup_shown = st.query_params["location"] = location
    try:
        pipeline = context.pipeline()
        if way == "through":
            state.lookup_through = _read_through(pipeline, location)
            _note_lifetime(location, state.lookup_through)
            return
        with st.spinner("Looking at both sides; where they differ, again after 2 s"):
            state.lookup_result = pipeline.checker.compare(location)
        left = state.lookup_result.lookup.remaining_ttl
        if left is not None:
            state.lookup_expires_at = time.time() + left.total_seconds()
    except DashboardError as error:
        state.lookup_error = error


def _read_through(pipeline: Pipeline, location: str) -> ReadThrough:
    """Reads as an application does; what fills the cache is an act of the audit log."""
    if not state.get("lookup_fill"):
        return pipeline.lookups.read_through(location, fill=False)
    what = "Filling the cache"
    someone = access.require_operator(what)
    with pipeline.audit.acting(what, someone.name, "", keys=[location]) as act:
        read = pipeline.lookups.read_through(location, fill=True)
        act.end(f"a miss: {read.fill.value}" if read.fill else "nothing to fill", [])
    return read


def _note_lifetime(location: str, read: ReadThrough) -> None:
    """When the cache's item ends: known after a fill, asked for after a hit."""
    if not (read.hit or read.fill is Fill.FILLED):
        return
    left = context.pipeline().lookups.remaining_ttl(location)
    if left is not None:
        state.lookup_expires_at = time.time() + left.total_seconds()


def _through(read: ReadThrough) -> None:
    st.text(f"Location: {read.location}")
    with st.container(horizontal=True, key="lookup_path"):
        if read.cache is not None:
            _badge("HIT" if read.hit else "MISS", read.hit)
        else:
            _badge("CACHE FAILED", False)
        if read.table is not None:
            _badge("FOUND" if read.table.item is not None else "NOT FOUND", read.table.item is not None)
        if read.fill is not None:
            _badge(_FILLS[read.fill][0], read.fill in (Fill.FILLED, Fill.THERE_ALREADY))
    st.write(_way_in_words(read))
    if read.fill_note:
        st.text(read.fill_note)
    for error in (read.cache_error, read.table_error):
        if error is not None:
            error_box(error)
    with st.container(horizontal=True):
        if read.cache is not None:
            st.metric("Cache latency", formats.milliseconds(read.cache.latency_ms), border=True)
        if read.table is not None:
            st.metric("Table latency", formats.milliseconds(read.table.latency_ms), border=True)
        st.metric("Consumed", f"{read.table.capacity_units if read.table else 0:g} RCU", border=True)
        _countdown()
    if read.cache is not None and read.cache.value is not None:
        _payload(read.cache.value)
    elif read.table is not None and read.table.item is not None:
        st.json(read.table.item)


def _way_in_words(read: ReadThrough) -> str:
    if read.hit:
        return "The cache had it: the table was not read."
    first = "The cache did not answer" if read.cache is None else "The cache did not have it"
    if read.table is None:
        return f"{first}, and the table could not be read."
    if read.table.item is None:
        return f"{first}, and neither has the table."
    return f"{first}, so the table was read. {_FILLS[read.fill or Fill.NOT_WANTED][1]}"


def _both(found: Comparison) -> None:
    result = found.lookup
    st.text(f"Location: {result.location}")
    if found.judgement is not None:
        _verdict(found.judgement)
        if found.judgement.standing in REPAIRABLE and access.is_operator():
            st.button("Make it right", icon=":material/build:", key="lookup_repair", on_click=_repair)
    left, right = st.columns(2, gap="large")
    with left:
        _cache_side(result)
    with right:
        _table_side(result)


def _verdict(judgement: Judgement) -> None:
    standing = judgement.standing
    box = st.success if standing in _GOOD else st.info if standing in _HARMLESS else st.error
    box(
        _VERDICTS[standing]
        if judgement.certain
        else f"Probably: {_VERDICTS[standing][0].lower()}{_VERDICTS[standing][1:]}"
    )
    if standing not in (Standing.EQUAL, Standing.NEITHER):
        st.text(judgement.reason)


def _repair() -> None:
    """Makes the shown location right and looks at both sides again."""
    location = state.lookup_shown
    _forget()
    try:
        someone, pipeline = access.require_operator("Making a key right"), context.pipeline()
        state.lookup_repaired = make_right_audited(
            pipeline.reconciler, pipeline.audit, someone.name, (location,), Control()
        )[0]
    except DashboardError as error:
        state.lookup_error = error
    state.lookup_pending = ("both", location)


def _repaired(done: Reconciled) -> None:
    words = {
        Outcome.PUT: "Put into the cache.",
        Outcome.DELETED: "Deleted from the cache.",
        Outcome.ALREADY_RIGHT: "It was right already.",
        Outcome.GAVE_UP: "It could not be made right.",
    }
    (st.error if done.outcome is Outcome.GAVE_UP else st.success)(words[done.outcome])
    st.text(done.why)


def _cache_side(result: Lookup) -> None:
    st.subheader("Momento cache")
    if result.cache is None:
        if result.cache_error:
            error_box(result.cache_error)
        return
    _badge("HIT" if result.cache.hit else "MISS", result.cache.hit)
    with st.container(horizontal=True):
        st.metric("Latency", formats.milliseconds(result.cache.latency_ms), border=True)
        _countdown()
    if result.cache.value is not None:
        _payload(result.cache.value)


def _table_side(result: Lookup) -> None:
    st.subheader("DynamoDB table")
    if result.table is None:
        if result.table_error:
            error_box(result.table_error)
        return
    found = result.table.item is not None
    _badge("FOUND" if found else "NOT FOUND", found)
    with st.container(horizontal=True):
        st.metric("Latency", formats.milliseconds(result.table.latency_ms), border=True)
        st.metric(
            "Consumed",
            f"{result.table.capacity_units:g} RCU",
            border=True,
            help="Read capacity units; this is a strongly consistent read",
        )
    _item(result.table)


def _item(read: TableRead) -> None:
    if read.item is None or read.raw is None:
        return
    refused = never_cached(read.raw)
    if refused:
        st.badge("Never cached", icon=":material/block:", color="orange")
        st.text(refused)
    st.json(read.item)


@part(run_every=1)
def _countdown() -> None:
    """How long the cache still has it, counted here: no call is made for it."""
    expires_at: float | None = state.get("lookup_expires_at")
    if expires_at is None:
        return
    left = expires_at - time.time()
    if left > 0:
        st.metric("Expires in", formats.countdown(left), border=True)
    else:
        st.metric("Expires in", "expired", border=True)
        st.caption("The cache has forgotten it; the table keeps it.")


def _payload(value: bytes) -> None:
    try:
        st.json(json.loads(value))
    except (ValueError, RecursionError):
        st.code(repr(value)[2:-1], language=None, wrap_lines=True)


def _badge(word: str, good: bool) -> None:
    colour: Literal["green", "orange"] = "green" if good else "orange"
    st.badge(word, icon=":material/check:" if good else ":material/close:", color=colour)
