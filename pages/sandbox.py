"""Sandbox: traffic from real observations, and faults on demand. Only there when the target is the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from pages import context
from services.errors import DashboardError
from services.sandbox_admin import SandboxAdmin

state = st.session_state

_SOURCES = {
    "seattle-daily": "Seattle, every day of 2012 to 2015",
    "seattle-hourly": "Seattle, hourly temperatures of 2010 as days",
    "sf-hourly": "San Francisco, hourly temperatures of 2010 as days",
    "cities": "Random weather for ten cities",
}


def _act(order: Callable[[SandboxAdmin], None]) -> None:
    """Runs one order; what goes wrong is shown by the page that is drawn next."""
    state.pop("sandbox_error", None)
    try:
        order(context.runtime().admin())
    except DashboardError as error:
        state.sandbox_error = error


def _start_traffic() -> None:
    _act(
        lambda admin: admin.start_traffic(
            state.traffic_source, state.traffic_rate, state.traffic_count, state.traffic_deletes
        )
    )


def _traffic_form() -> None:
    st.subheader("Traffic")
    st.write("Replays weather into the table, so that there is something to see.")
    with st.container(border=True):
        st.selectbox("Source", list(_SOURCES), format_func=_SOURCES.__getitem__, key="traffic_source")
        left, middle, right = st.columns(3)
        left.number_input("Writes per second", min_value=0.5, max_value=100.0, value=5.0, step=0.5, key="traffic_rate")
        middle.number_input(
            "Number of writes", min_value=1, max_value=100_000, value=500, step=100, key="traffic_count"
        )
        right.number_input("Deletes, %", min_value=0.0, max_value=50.0, value=5.0, step=1.0, key="traffic_deletes")
        with st.container(horizontal=True):
            st.button("Start traffic", type="primary", icon=":material/play_arrow:", on_click=_start_traffic)
            st.button("Stop traffic", icon=":material/stop:", on_click=_act, args=(SandboxAdmin.stop_traffic,))
        _traffic_progress()


@st.fragment(run_every=1)
def _traffic_progress() -> None:
    with guarded():
        progress = context.runtime().admin().status()["traffic"].get("progress")
        if not progress:
            st.caption("No traffic yet.")
            return
        done, total = progress["done"], progress["total"] or 0
        words = f"{done:,} of {total:,} writes" if progress["running"] else f"Ended after {done:,} of {total:,} writes"
        rate = f", {progress['rate_now']:.1f} per second" if progress["running"] else ""
        st.progress(min(1.0, done / total) if total else 0.0, text=words + rate)
        if progress["failures"]:
            st.warning(f"{formats.counted(progress['failures'], 'write')} failed.", icon=":material/warning:")
            st.text(progress["last_error"])


def _faults() -> None:
    st.subheader("Faults")
    st.write("What can go wrong, on demand: see what the other pages say of it, and whether they say when it is over.")
    with guarded():
        status = context.runtime().admin().status()
        with st.container(border=True):
            _fault(
                "Momento answers 500",
                bool(status["faults"]),
                ("Answer 500 to the next 20", lambda admin: admin.fail_momento(500, 20)),
                ("Answer 500 until ended", lambda admin: admin.fail_momento(500, None)),
                ("End it", SandboxAdmin.clear_faults),
            )
            _fault(
                "Wrong key in the pipes' connection",
                status["connection_key"] == "wrong",
                ("Use a wrong key", SandboxAdmin.use_wrong_key),
                ("Use the right key", SandboxAdmin.use_right_key),
            )
            _fault(
                "Momento stopped: connections are refused",
                not status["momento"]["listening"],
                ("Stop Momento", SandboxAdmin.stop_momento),
                ("Start Momento", SandboxAdmin.start_momento),
            )


def _fault(title: str, on: bool, *orders: tuple[str, Callable[[SandboxAdmin], Any]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("on" if on else "off", color="red" if on else "gray")
        st.text(title)
    with st.container(horizontal=True):
        for label, order in orders:
            st.button(label, key=f"fault_{label}", on_click=_act, args=(order,))


@st.fragment(run_every=2)
def _ledger() -> None:
    with guarded():
        status = context.runtime().admin().status()
        columns = ("name", "state", "read", "filtered", "delivered", "dead_lettered", "in_flight", "lag_ms")
        rows = pd.DataFrame([{column: pipe[column] for column in columns} for pipe in status["pipes"]])
        st.dataframe(
            rows,
            hide_index=True,
            key="sandbox_ledger",
            column_config={
                "name": "Pipe",
                "state": "State",
                "read": "Read",
                "filtered": "Filtered",
                "delivered": "Delivered",
                "dead_lettered": "Dead-lettered",
                "in_flight": "In flight",
                "lag_ms": st.column_config.NumberColumn("Lag of the last delivery, ms", format="%.1f"),
            },
            alt="Counts of the Pipes runtime, per pipe",
        )
        st.caption(
            "The runtime's own counts since it started: read = filtered + delivered + dead-lettered + in flight."
        )


st.title("Sandbox")
if "sandbox_error" in state:
    error_box(state.sandbox_error)
traffic, faults = st.columns(2, gap="large")
with traffic:
    _traffic_form()
with faults:
    _faults()
st.subheader("Records through the pipes")
_ledger()
