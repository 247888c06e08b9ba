"""Sandbox: traffic from real observations, faults on demand, the ledger. Only there when the target is the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from components.freshness import latest
from components.parts import part
from core.errors import DashboardError
from pages.frame import access, context
from pages.sandbox.ledger import ledger_table
from services.app import fault_switches
from services.app.fault_switches import Switch, SwitchState
from services.app.sandbox_admin import SandboxAdmin

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
        access.require_operator("Changing the sandbox")
        order(context.runtime().admin())
    except DashboardError as error:
        state.sandbox_error = error
    finally:
        context.runtime().sandbox_seen.forget()


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


@part(run_every=1)
def _traffic_progress() -> None:
    with guarded():
        progress = context.runtime().sandbox_seen.last().value.status["traffic"].get("progress")
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


_USE_WRONG_KEY = ("Switch on", SandboxAdmin.use_wrong_key)
_USE_RIGHT_KEY = ("End", SandboxAdmin.use_right_key)
_STOP_MOMENTO = ("Switch on", SandboxAdmin.stop_momento)
_START_MOMENTO = ("End", SandboxAdmin.start_momento)


def _faults() -> None:
    st.subheader("Faults")
    st.write("What can go wrong, on demand: see what the other pages say of it, and whether they say when it is over.")
    # Before anything that is read: it must be there when nothing answers.
    st.button("End all faults", icon=":material/healing:", key="end_all_faults", on_click=_act, args=(_end_all,))
    _switches()


@part(run_every=2)
def _switches() -> None:
    with guarded():
        seen = latest(context.runtime().sandbox_seen)
        status, faults = seen.status, seen.faults
        with st.container(border=True):
            for switch in fault_switches.SWITCHES:
                _switch(switch, fault_switches.state_of(switch, faults))
            for fault in fault_switches.others(faults):
                _row(
                    f"{fault['name'] or 'A fault of the admin port'}: {fault['target']}",
                    f"Fired {formats.counted(fault['fired'], 'time')}.",
                    True,
                    ("End", partial(SandboxAdmin.end_fault, fault_id=fault["id"])),
                )
            wrong_key, stopped = status["connection_key"] == "wrong", not status["momento"]["listening"]
            _row(
                "Wrong key in the pipes' connection",
                "Momento answers 401: dead letters until the key is right.",
                wrong_key,
                _USE_RIGHT_KEY if wrong_key else _USE_WRONG_KEY,
            )
            _row(
                "Momento stopped",
                "Connections are refused; the pipes hold their records.",
                stopped,
                _START_MOMENTO if stopped else _STOP_MOMENTO,
            )


def _end_all(admin: SandboxAdmin) -> None:
    admin.clear_faults()
    admin.start_momento()
    admin.use_right_key()


def _switch(switch: Switch, known: SwitchState) -> None:
    hint = f"{switch.hint} {known.told().capitalize()}." if known.told() else switch.hint
    if known.id is not None:
        _row(switch.name, hint, True, ("End", partial(SandboxAdmin.end_fault, fault_id=known.id)))
    else:
        _row(switch.name, hint, False, ("Switch on", lambda admin: admin.add_faults(switch.order())))


def _row(title: str, hint: str, on: bool, order: tuple[str, Callable[[SandboxAdmin], None]]) -> None:
    """One fault: whether it is on, what it is, how often it fired, and the one thing that can be done with it."""
    label, act = order
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("on" if on else "off", color="red" if on else "gray")
        with st.container(width="stretch", gap=None):
            st.text(title)
            st.caption(hint)
        st.button(label, key=f"fault_{title}", on_click=_act, args=(act,), help=f"{label}: {title}")


@part(run_every=2)
def _ledger() -> None:
    with guarded():
        ledger = latest(context.runtime().sandbox_ledger)
        ledger_table(ledger)


st.title("Sandbox")
if "sandbox_error" in state:
    error_box(state.sandbox_error)
st.subheader("Ledger")
_ledger()
traffic, faults = st.columns(2, gap="large")
with traffic:
    _traffic_form()
with faults:
    _faults()
