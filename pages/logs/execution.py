"""The drawer of the page Logs: one execution, with links to its record and its dead letter."""

from __future__ import annotations

import streamlit as st

from components import execution_details
from components.boxes import guarded
from pages.frame import context
from pages.logs import insights
from services.logs.executions import Execution, Outcome, executions


def _close() -> None:
    st.query_params.pop("execution", None)


@st.dialog("One execution", width="large", position="right", on_dismiss=_close)
def drawer(execution_id: str) -> None:
    """Opens it for an execution of the log store, or of the last Insights query."""
    with guarded():
        store = context.pipeline().log.get().value.store
        one, records = store.execution(execution_id), store.records_of(execution_id)
        if one is None:
            records = insights.records_of(execution_id)
            one = next(iter(executions(records)), None)
        if one is None:
            st.write("The log that was read tells of no such execution. It may be older than the window.")
            st.code(execution_id, language=None)
            return
        execution_details.facts(one, context.viewer_zone())
        _links(one)
        st.subheader("Timeline")
        execution_details.timeline(records)
        execution_details.data(records)
        st.subheader("Records")
        execution_details.raw(one, records)


def _links(one: Execution) -> None:
    with st.container(horizontal=True):
        if one.location:
            st.page_link(
                "lookup/page.py", label="The record", icon=":material/search:", query_params={"location": one.location}
            )
        if one.sequence_number and one.outcome is Outcome.FAILED:
            st.page_link(
                "dead_letters/page.py",
                label="Its dead letter",
                icon=":material/inbox:",
                query_params={"sequence": one.sequence_number},
            )
