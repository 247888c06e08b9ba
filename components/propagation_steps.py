"""The steps of one write on its way, each with its milliseconds since the write."""

from __future__ import annotations

import streamlit as st

from components import formats
from services.propagation import PATIENCE_S, Propagation

_ACTS = {"INSERT": "Inserted", "MODIFY": "Updated", "REMOVE": "Deleted"}


def show(result: Propagation) -> None:
    """The write, the topic event and the cache, in the order of the pipeline."""
    write = result.write
    with st.container(border=True, key="propagation"):
        st.text(f"{_ACTS.get(write.kind, 'Unchanged')}: {write.location}")
        if not result.expected:
            st.info(_why_nothing(result), icon=":material/info:")
            return
        _step("DynamoDB acknowledged the write", write.acknowledged_ms)
        _step("Topic event received", result.topic_ms)
        _step("Cache item removed" if write.kind == "REMOVE" else "Cache item readable", result.cache_ms)
        st.caption("Milliseconds since the write was sent.")
        if result.problem:
            st.warning("The way of this write could not be watched to its end.", icon=":material/warning:")
            st.text(result.problem)
        elif not result.complete:
            st.warning(
                f"Not every step came within {PATIENCE_S:g} s. The pages Pipes and Dead letters say why.",
                icon=":material/warning:",
            )


def _why_nothing(result: Propagation) -> str:
    if result.write.record is None:
        return "There was no such record, so DynamoDB wrote nothing to its stream and no step follows."
    return "The record already had these values: DynamoDB writes no stream record, so no step follows."


def _step(what: str, elapsed_ms: float | None) -> None:
    sign, time_text = ("✓", formats.milliseconds(elapsed_ms)) if elapsed_ms is not None else ("✕", "did not come")
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.text(f"{sign} {what}")
        st.text(time_text)
