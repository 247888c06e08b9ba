"""Lookup: one location in the cache and in the table, side by side."""

from __future__ import annotations

import json
from typing import Literal

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from pages import context
from services.agreement import Agreement
from services.errors import DashboardError, InvalidInput
from services.lookup import Lookup, Tally
from services.weather import key_of

state = st.session_state

_VERDICTS = {
    Agreement.EQUAL: ("success", "The cache and the table agree."),
    Agreement.NEITHER: ("info", "Neither the cache nor the table has this location."),
    Agreement.MISS: (
        "warning",
        "Only the table has it: its time to live ran out, it is on its way, or its delivery failed.",
    ),
    Agreement.ORPHANED: (
        "error",
        "Only the cache has it: the delete is on its way, its delivery failed, or it overtook a put that came late.",
    ),
    Agreement.DIFFERENT: ("error", "They differ: a change is on its way, or its delivery failed."),
}


def _look_up() -> None:
    state.pop("lookup_result", None)
    state.pop("lookup_error", None)
    try:
        location = key_of(state.get("lookup_location"))
        state.lookup_result = context.pipeline().lookups.look_up(location)
    except (InvalidInput, DashboardError) as error:
        state.lookup_error = error


def _cache_side(result: Lookup) -> None:
    st.subheader("Momento cache")
    if result.cache is None:
        if result.cache_error:
            error_box(result.cache_error)
        return
    hit = result.cache.hit
    st.badge("HIT" if hit else "MISS", icon=":material/check:" if hit else ":material/close:", color=_colour(hit))
    with st.container(horizontal=True):
        st.metric("Latency", formats.milliseconds(result.cache.latency_ms), border=True)
        ttl = result.remaining_ttl
        st.metric("Expires in", formats.age(ttl.total_seconds()) if ttl else "–", border=True)
    if result.cache.value is not None:
        _payload(result.cache.value)


def _payload(value: bytes) -> None:
    try:
        st.json(json.loads(value))
    except ValueError:
        st.code(repr(value)[2:-1], language=None, wrap_lines=True)


def _table_side(result: Lookup) -> None:
    st.subheader("DynamoDB table")
    if result.table is None:
        if result.table_error:
            error_box(result.table_error)
        return
    found = result.table.item is not None
    st.badge(
        "FOUND" if found else "NOT FOUND",
        icon=":material/check:" if found else ":material/close:",
        color=_colour(found),
    )
    with st.container(horizontal=True):
        st.metric("Latency", formats.milliseconds(result.table.latency_ms), border=True)
        st.metric(
            "Consumed",
            f"{result.table.capacity_units:g} RCU",
            border=True,
            help="Read capacity units; this is a strongly consistent read",
        )
    if result.table.item is not None:
        st.json(result.table.item)


def _colour(good: bool) -> Literal["green", "orange"]:
    return "green" if good else "orange"


def _verdict(agreement: Agreement | None) -> None:
    if agreement is None:
        return
    kind, text = _VERDICTS[agreement]
    {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}[kind](text)


def _tally(tally: Tally) -> None:
    st.subheader("All lookups since the dashboard started")
    reads = tally.hits + tally.misses
    with st.container(horizontal=True):
        st.metric("Cache hits", formats.number(tally.hits), border=True)
        st.metric("Cache misses", formats.number(tally.misses), border=True)
        st.metric("Hit rate", f"{tally.hits / reads:.0%}" if reads else "–", border=True)
        st.metric("DynamoDB reads", formats.number(tally.table_reads), border=True)
        st.metric("Capacity consumed", f"{tally.capacity_units:g} RCU", border=True)


st.title("Lookup")
known: list[str] = []
with guarded():
    known = context.known_locations()
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.selectbox(
        "Location",
        known,
        index=None,
        key="lookup_location",
        placeholder="Choose or type a location",
        accept_new_options=True,
    )
    st.button("Look up", type="primary", icon=":material/search:", key="lookup_go", on_click=_look_up)
if "lookup_error" in state:
    error_box(state.lookup_error)
result: Lookup | None = state.get("lookup_result")
if result is not None:
    st.text(f"Location: {result.location}")
    _verdict(result.agreement)
    left, right = st.columns(2, gap="large")
    with left:
        _cache_side(result)
    with right:
        _table_side(result)
with guarded():
    _tally(context.pipeline().lookups.tally())
