"""Stack: what exists, where it differs from what is declared, its names and ARNs, and the commands that change it."""

from __future__ import annotations

import json

import streamlit as st

from components.boxes import guarded
from components.freshness import freshness, latest
from components.parts import part
from core import names
from pages.frame import context
from pages.stack.view import command_list, drift, outputs, parts_table, verdict
from services.jobs.cached_read import Reading, Shared
from services.stack.reader import PROFILES, usual_profile
from services.stack.report import StackReport, commands


@part(run_every=5)
def _stack(profile: str) -> None:
    with guarded():
        source = context.pipeline().stack(profile)
        reading = _read(source)
        freshness(source, key="refresh_stack")
        if reading is not None:
            _details(reading)


def _read(source: Shared[StackReport]) -> Reading[StackReport] | None:
    """The stack, told in one line; None when a box tells why it could not be read."""
    with guarded():
        with st.spinner("Looking at every resource"):
            latest(source)
            reading = source.last()
        verdict(reading.value)
        return reading
    return None


def _details(reading: Reading[StackReport]) -> None:
    report = reading.value
    parts_table(report.parts)
    _download(report, reading.read_at)
    st.subheader("Drift")
    st.caption(f"Declared by the profile {report.profile} → observed. What up was given beside it shows here, too.")
    drift(report)
    st.subheader("Tags")
    st.text("\n".join(f"{name}: {value}" for name, value in report.tags.items()))
    # Thirty blocks of code are slow to draw, and few people want them.
    shown = st.expander("Outputs: names, ARNs, endpoint", key="stack_outputs", on_change="rerun")
    if shown.open:
        with shown:
            outputs(report)


def _download(report: StackReport, read_at: float) -> None:
    st.download_button(
        "Download as JSON",
        json.dumps(report.data(read_at), indent=2),
        file_name=f"{report.stack}-stack.json",
        mime="application/json",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


st.title("Stack")
st.text(names.chosen().stack)
chosen = st.selectbox(
    "Compare with",
    PROFILES,
    index=PROFILES.index(usual_profile(context.runtime().target)),
    key="compare",
    bind="query-params",
    width=220,
    help="original: Momento's demo, attribute for attribute. production: what a stack with data in it should have.",
)
_stack(chosen)
st.subheader("Commands")
st.write(
    "The dashboard changes nothing of the stack. Run these in a terminal with the rights for it; `up` and `down` ask."
)
command_list(commands(names.chosen().prefix, chosen))
