"""One event of the topic that a viewer selected: its payload as it came, its record as it is now, its executions."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from core.errors import DashboardError, NotFound
from pages.frame import context
from services.live import messages
from services.topic.events import TopicEvent
from services.weather.table import TableRead, key_of

state = st.session_state

#: A payload that is longer is shown up to here.
LONGEST_SHOWN = 20_000


@dataclass(frozen=True)
class Selection:
    """What was found when a viewer selected an event: the event, and what the table had for its location."""

    event_id: str
    event: TopicEvent | None
    record: TableRead | None
    error: DashboardError | None
    read_at: float


def selected_id() -> str | None:
    """The event that is selected, as services.live.messages names it."""
    selection: Selection | None = state.get("topic_selection")
    return selection.event_id if selection else None


def select(event_id: str) -> None:
    """Keeps the event and its record in the viewer's session. For callbacks: it raises nothing."""
    event, record, problem = None, None, None
    try:
        pipeline = context.pipeline()
        page, sequence = messages.page_and_sequence(event_id)
        event = pipeline.feed.find(page, sequence)
        if event is not None and event.location:
            record = pipeline.table.get(key_of(event.location))
    except DashboardError as error:
        problem = error
    state.topic_selection = Selection(event_id, event, record, problem, time.time())


def _forget() -> None:
    state.pop("topic_selection", None)


def show() -> None:
    """Draws the selected event, if there is one."""
    selection: Selection | None = state.get("topic_selection")
    if selection is None:
        return
    with st.container(border=True, key="topic_selected"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader("Selected event")
            st.button("Close", on_click=_forget, key="topic_selection_close")
        event = selection.event
        if event is None:
            error_box(
                selection.error or NotFound("The event has left the memory of this dashboard.", "Select another.")
            )
            return
        payload, record = st.columns(2, gap="large")
        with payload:
            _payload(event)
        with record, guarded():
            _record(selection)


def _payload(event: TopicEvent) -> None:
    where = context.viewer_zone()
    st.text(f"{messages.kind(event)}, received {formats.moment(event.received_at, where)}")
    st.text(f"Number {event.sequence} of page {event.page}, sent as {event.kind.value}")
    if event.problem:
        st.text(f"Remark: {event.problem}")
    text = event.raw if isinstance(event.raw, str) else repr(event.raw)
    st.code(_pretty(text)[:LONGEST_SHOWN] or "(empty)", language=None, wrap_lines=True)
    if len(text) > LONGEST_SHOWN:
        st.caption(f"The first {LONGEST_SHOWN:,} of {len(text):,} characters.")


def _pretty(text: str) -> str:
    """JSON with line breaks; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _record(selection: Selection) -> None:
    event = selection.event
    if event is None or not event.location:
        st.text("The event names no location, so there is no record to it.")
        return
    st.text(f"The record in the table at {formats.clock(selection.read_at, context.viewer_zone())}")
    if selection.error is not None:
        error_box(selection.error)
    elif selection.record is None or selection.record.item is None:
        st.text("There is none: it was deleted, or never written.")
    else:
        st.json(selection.record.item)
    with st.container(horizontal=True):
        st.button("Read again", on_click=select, args=(selection.event_id,), key="topic_selection_again")
        st.page_link("logs/page.py", label="Its executions", query_params={"record": event.location})
