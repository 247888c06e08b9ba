"""What a viewer sees while the sandbox is not up: each part as it comes up, or why it is not there."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from components.boxes import error_box
from components.parts import part
from core.errors import DashboardError, SandboxNotRunning
from pages.frame import access
from services.app.runtime import Runtime

_SIGNS = {"ready": "✓", "starting": "…", "waiting": "·", "failed": "✕"}


def show(runtime: Runtime, error: SandboxNotRunning) -> None:
    """The progress of a start under way, or the reason and a button to start again."""
    if runtime.sandbox.starting:
        st.title("Starting the sandbox")
        st.write("The whole pipeline comes up on this machine. No account, key or Docker is used.")
        _progress(runtime)
        return
    st.title("The sandbox is not running")
    st.text(error.what)
    st.text(error.advice)
    if "start_error" in st.session_state:
        error_box(st.session_state.start_error)
    button("Start the sandbox", runtime, type="primary")


def button(label: str, runtime: Runtime, type: Literal["primary", "secondary"] = "secondary") -> None:
    """The button that starts it, for operators; others read who may."""
    if access.is_operator():
        st.button(label, type=type, on_click=_start, args=(runtime,))
    else:
        st.caption("An operator can start it.")


def _start(runtime: Runtime) -> None:
    st.session_state.pop("start_error", None)
    try:
        access.require_operator("Starting the sandbox")
        runtime.start()
    except DashboardError as error:
        st.session_state.start_error = error


@part(run_every=0.3)
def _progress(runtime: Runtime) -> None:
    info = runtime.sandbox.info()
    parts = info.parts if info else ()
    done = sum(each.state == "ready" for each in parts)
    st.progress(done / len(parts) if parts else 0.0, text="Starting the process" if not parts else "Parts ready")
    for each in parts:
        st.text(f"{_SIGNS.get(each.state, '')} {each.name}: {each.state}  {each.detail}")
    if not runtime.sandbox.starting:
        st.rerun()
