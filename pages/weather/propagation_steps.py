"""The way of one write: its steps on a line of time, beside how long they took among the newest writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from components import formats
from services.tracking.propagation import PATIENCE_S, Clock, Propagation, Step, StepState, Typical, steps

_ACTS = {"INSERT": "Inserted", "MODIFY": "Updated", "REMOVE": "Deleted"}
_SIGNS = {StepState.DONE: "✓", StepState.WAITING: "…", StepState.FAILED: "✕", StepState.MISSING: "✕"}
_COLOURS = alt.Scale(domain=[Clock.OURS.value, Clock.LOG.value], range=["#0d9488", "#3b82f6"])


def show(way: Propagation, usual: Mapping[str, Typical]) -> None:
    """The steps in the order of the pipeline, first as a chart and then in words."""
    with st.container(border=True, key="propagation"):
        st.text(f"{_ACTS.get(way.write.kind, 'Unchanged')}: {way.write.location}")
        st.text(f"DynamoDB acknowledged it in {formats.milliseconds(way.write.acknowledged_ms)}.")
        if not way.expected:
            st.info(_why_nothing(way), icon=":material/info:")
            return
        taken = steps(way)
        _chart(taken, usual)
        with st.container(gap="xxsmall"):
            for step in taken:
                _line(step, usual.get(step.id))
        st.caption(_caption(usual))
        if not way.ended:
            st.text(f"Looking for what is missing, for up to {PATIENCE_S / 60:g} minutes. AWS delivers logs late.")
        for problem in way.problems:
            st.warning("A part of the way cannot be looked at now.", icon=":material/warning:")
            st.text(problem)


def _why_nothing(way: Propagation) -> str:
    if way.write.record is None:
        return "There was no such record, so DynamoDB wrote nothing to its stream and no step follows."
    return "The record already had these values: DynamoDB writes no stream record, so no step follows."


def _caption(usual: Mapping[str, Typical]) -> str:
    count = max((step.count for step in usual.values()), default=0)
    return (
        f"Milliseconds since the write was sent; p50 and p95 of the newest {formats.counted(count, 'write')}. "
        "Acknowledgement, topic and cache are timed by this machine, pipes by their log's clock, "
        "and the stream record by DynamoDB's, in whole seconds."
    )


def _line(step: Step, usual: Typical | None) -> None:
    if step.ms is None:
        time_text = "waiting" if step.state is StepState.WAITING else "did not come"
    elif step.clock is Clock.STREAM:
        time_text = f"within {formats.milliseconds(step.ms + 1000)}"
    else:
        time_text = formats.milliseconds(step.ms)
    if usual is not None:
        time_text += f"  (p50 {usual.p50_ms:.0f}, p95 {usual.p95_ms:.0f})"
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.text(f"{_SIGNS[step.state]} {step.words}")
        st.text(time_text)


def _chart(taken: Sequence[Step], usual: Mapping[str, Typical]) -> None:
    timed = [step for step in taken if step.clock is not Clock.STREAM]
    rows = pd.DataFrame(
        {
            "step": [step.words for step in timed],
            "ms": [step.ms for step in timed],
            "clock": [step.clock.value for step in timed],
            "p50": [usual[step.id].p50_ms if step.id in usual else None for step in timed],
            "p95": [usual[step.id].p95_ms if step.id in usual else None for step in timed],
        }
    ).astype({"ms": "float64", "p50": "float64", "p95": "float64"})
    st.vega_lite_chart(
        rows,
        _spec(),
        key="propagation_chart",
        width="stretch",
        alt="The steps of the write on a line of time, with the usual range of each",
    )


@cache
def _spec() -> dict[str, Any]:
    base = alt.Chart(alt.Undefined).encode(
        y=alt.Y("step:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            alt.Tooltip("step:N", title="Step"),
            alt.Tooltip("ms:Q", title="This write, ms", format=".1f"),
            alt.Tooltip("p50:Q", title="p50, ms", format=".1f"),
            alt.Tooltip("p95:Q", title="p95, ms", format=".1f"),
            alt.Tooltip("clock:N", title="Clock"),
        ],
    )
    axis = alt.X("ms:Q", title="ms since the write was sent", scale=alt.Scale(zero=True, nice=True))
    usual = base.mark_bar(height=9, opacity=0.35, color="#94a3b8").encode(
        x=alt.X("p50:Q", title="ms since the write was sent"), x2="p95:Q"
    )
    own = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=axis, color=alt.Color("clock:N", title=None, scale=_COLOURS, legend=alt.Legend(orient="bottom", columns=2))
    )
    spec: dict[str, Any] = alt.layer(usual, own).properties(height={"step": 22}).to_dict(validate=False)
    for part in (spec, *spec.get("layer", ())):
        part.pop("data", None)
    spec.pop("datasets", None)
    return spec
