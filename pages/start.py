"""What a viewer sees while the sandbox is not up: each part as it comes up, or why it is not there."""

from __future__ import annotations

import streamlit as st

from components.parts import part
from services.errors import SandboxNotRunning
from services.runtime import Runtime

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
    st.button("Start the sandbox", type="primary", on_click=runtime.start)


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
