"""The drawer of the page Logs: one execution, with links to its record and its dead letter."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components import execution_details
from components.boxes import guarded
from pages import context, logs_insights
from services.dead_letters import DeadLetter
from services.pipe_logs import Execution, executions
from services.pipeline import Pipeline


def _close() -> None:
    st.query_params.pop("execution", None)


@st.dialog("One execution", width="large", position="right", on_dismiss=_close)
def drawer(execution_id: str) -> None:
    """Opens it for an execution of the log store, or of the last Insights query."""
    with guarded():
        pipeline = context.pipeline()
        store = pipeline.log.get().value.store
        one, records = store.execution(execution_id), store.records_of(execution_id)
        if one is None:
            records = logs_insights.records_of(execution_id)
            one = next(iter(executions(records)), None)
        if one is None:
            st.write("The log that was read tells of no such execution. It may be older than the window.")
            st.code(execution_id, language=None)
            return
        execution_details.facts(one, context.viewer_zone())
        _links(pipeline, one)
        st.subheader("Timeline")
        execution_details.timeline(records)
        execution_details.data(records)
        st.subheader("Records")
        execution_details.raw(one, records)


def _links(pipeline: Pipeline, one: Execution) -> None:
    with st.container(horizontal=True):
        if one.location:
            st.page_link(
                "lookup.py", label="The record", icon=":material/search:", query_params={"location": one.location}
            )
        if one.sequence_number:
            letter = None
            with guarded():
                letter = _dead_letter_of(one, pipeline.dead_letters.letters().value.letters)
            if letter is not None:
                st.page_link(
                    "dead_letters.py",
                    label="Its dead letter",
                    icon=":material/inbox:",
                    query_params={"sequence": letter.first_sequence_number},
                )


def _dead_letter_of(one: Execution, letters: Sequence[DeadLetter]) -> DeadLetter | None:
    return next(
        (letter for letter in letters if letter.pipe == one.pipe and letter.tells_of(one.sequence_number)), None
    )
