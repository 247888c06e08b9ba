"""How far a job is, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from components import formats
from components.boxes import error_box
from services.jobs.jobs import JobState, Progress


def show(progress: Progress, stop: Callable[[], None] | None, *, key: str) -> None:
    """A bar with the job's words while it runs, with a button for `stop` if there is one; then how it ended."""
    if progress.running:
        words = progress.words or "Starting"
        st.progress(progress.share, text=f"{words}, for {formats.age(time.time() - progress.started_at)}")
        if stop is not None:
            st.button("Stop", icon=":material/stop:", key=f"{key}_stop", on_click=stop)
    elif progress.state is JobState.FAILED and progress.error is not None:
        error_box(progress.error)
    elif progress.state is JobState.CANCELLED:
        st.warning("Stopped before its end; this is what was done until then.", icon=":material/stop:")
