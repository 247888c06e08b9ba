"""Live topic: what arrives from the subscription, as a chart and as a list."""

from __future__ import annotations

import time
from datetime import tzinfo

import pandas as pd
import streamlit as st

from components import charts, formats
from components.boxes import guarded
from pages import context
from provision import names
from services.topic_events import TopicEvent
from services.topic_feed import TopicFeed
from services.topic_status import FeedState, FeedStatus

#: Events in the chart and in the list.
CHARTED, LISTED = 300, 200


def _status_row(status: FeedStatus) -> None:
    now = time.time()
    live = status.state is FeedState.LIVE
    with st.container(horizontal=True):
        st.metric("Subscription", status.state.value, border=True)
        st.metric("For", formats.age(now - status.since), border=True)
        last = status.last_event_at
        st.metric("Last event", formats.ago(now - last) if last else "none yet", border=True)
        heartbeat = status.last_heartbeat_at
        st.metric("Last heartbeat", formats.ago(now - heartbeat) if heartbeat else "none yet", border=True)
        st.metric("Received", formats.number(status.received), border=True)
        st.metric("Missed", formats.number(status.missed), border=True, help="Published, and lost in a discontinuity")
        st.metric("Reconnects", formats.number(status.reconnects), border=True)
    if not live:
        st.error(f"The subscription is {status.state.value}.", icon=":material/error:")
        st.text(status.reason)


def _temperature_rows(events: tuple[TopicEvent, ...], where: tzinfo) -> pd.DataFrame:
    shown = [event for event in events if event.max_temp is not None and event.min_temp is not None]
    rows = pd.DataFrame(
        {
            "location": [event.location or "" for event in shown],
            "max_temp": [event.max_temp for event in shown],
            "min_temp": [event.min_temp for event in shown],
            "event_type": [event.event_type or "" for event in shown],
        }
    )
    rows.insert(0, "time", charts.moments([event.received_at for event in shown], where))
    return rows


def _list_rows(events: tuple[TopicEvent, ...], where: tzinfo) -> pd.DataFrame:
    newest = events[::-1][:LISTED]
    return pd.DataFrame(
        {
            "Received": [formats.clock(event.received_at, where) for event in newest],
            "Number": [event.sequence for event in newest],
            "Event": [event.event_type or "other" for event in newest],
            "Location": [event.location or "" for event in newest],
            "Maximum, °F": [event.max_temp for event in newest],
            "Minimum, °F": [event.min_temp for event in newest],
            "Precipitation, %": [event.chance for event in newest],
            "Remark": [event.problem or "" for event in newest],
            "Payload": [_text(event) for event in newest],
        }
    )


def _text(event: TopicEvent) -> str:
    return event.raw if isinstance(event.raw, str) else repr(event.raw)


def _charts(events: tuple[TopicEvent, ...], feed: TopicFeed, where: tzinfo) -> None:
    temperatures, rates = st.columns([3, 2], gap="large")
    with temperatures:
        st.subheader("Temperatures")
        charts.temperatures(_temperature_rows(events[-CHARTED:], where), key="topic_temperatures")
        st.caption("Filled points are maxima, hollow ones minima; a deleted record has neither.")
    with rates:
        st.subheader("Events per second")
        charts.events_per_second(context.recent_rates(feed), where, key="topic_rates")
        st.caption(f"The last {formats.age(context.RATE_WINDOW_S)}.")


@st.fragment(run_every=1)
def _live() -> None:
    with guarded():
        feed = context.pipeline().feed
        where = context.viewer_zone()
        _status_row(feed.status())
        events = feed.snapshot(limit=max(CHARTED, LISTED)).events
        if not events:
            st.info("No event has arrived yet. Save a record on the page Weather, and it appears here.")
            return
        _charts(events, feed, where)
        st.subheader("Events")
        st.dataframe(
            _list_rows(events, where),
            hide_index=True,
            key="topic_events",
            height=400,
            alt="Events of the topic, newest first",
        )
        st.caption(f"The newest {LISTED} events. Select a cell of Payload to read it whole.")


st.title("Live topic")
st.caption(f"Topic {names.TOPIC} of cache {names.CACHE}")
_live()
