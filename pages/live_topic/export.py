"""The events of a view as files to take away, and how complete what the dashboard remembers is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial

import pandas as pd
import streamlit as st

from components import formats
from pages.frame import context
from services.live import messages
from services.topic import export
from services.topic.events import TopicEvent
from services.topic.series import View
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import Gap

_FORMATS: tuple[tuple[str, str, str, Callable[[Sequence[TopicEvent]], bytes]], ...] = (
    ("CSV", "csv", "text/csv", export.to_csv),
    ("JSON lines", "jsonl", "application/jsonl", export.to_json_lines),
    ("Parquet", "parquet", "application/vnd.apache.parquet", export.to_parquet),
)
#: A file has at most so many events, the newest.
MOST = 50_000


def events_of(feed: TopicFeed, view: View, now: float) -> list[TopicEvent]:
    """The newest MOST events that fit the view and its window, oldest first."""
    since = now - view.window.seconds
    recent = [event for event in feed.snapshot(limit=MOST).events if event.received_at >= since]
    return messages.fitting(recent, view)


def _file(encode: Callable[[Sequence[TopicEvent]], bytes], feed: TopicFeed, view: View) -> bytes:
    return encode(events_of(feed, view, time.time()))


def buttons(view: View) -> None:
    """A button for each format; the file is made when one is pressed. Raises DashboardError."""
    feed = context.pipeline().feed
    st.subheader("Take the events away")
    with st.container(horizontal=True):
        for name, ending, kind, encode in _FORMATS:
            st.download_button(
                name,
                data=partial(_file, encode, feed, view),
                file_name=f"topic-events.{ending}",
                mime=kind,
                on_click="ignore",
                key=f"topic_export_{ending}",
                icon=":material/download:",
            )
    st.caption(f"The events that fit and that came within the window, the newest {MOST:,} of those in memory.")


def completeness() -> None:
    """Where events are missing, and what memory and history keep. Raises DashboardError."""
    feed = context.pipeline().feed
    status = feed.status()
    where = context.viewer_zone()
    with st.expander(f"Gaps and memory ({formats.counted(len(status.gaps), 'gap')})"):
        if status.gaps:
            st.dataframe(_gap_rows(status.gaps, where), hide_index=True, alt="Gaps in the topic, newest first")
        else:
            st.text("No event is known to be missing.")
        holding = feed.holding()
        if holding.shortage:
            st.text(holding.shortage)
        if status.restored and status.restored_until:
            until = formats.moment(status.restored_until, where)
            st.text(f"{formats.counted(status.restored, 'event')} came from the history, the newest of {until}.")
        history = feed.history()
        if history is not None and history.problem:
            st.text(f"The history is not kept: {history.problem}")
        st.caption("As of when this page was last loaded or changed.")


def _gap_rows(gaps: Sequence[Gap], where: tzinfo) -> pd.DataFrame:
    newest = gaps[::-1]
    return pd.DataFrame(
        {
            "Noticed": [formats.moment(gap.at, where) for gap in newest],
            "After": [f"{gap.last_sequence} of {gap.last_page}" for gap in newest],
            "Next": [f"{gap.next_sequence} of {gap.next_page}" for gap in newest],
            "Missed": [f"{gap.missed}, or more" if gap.began_anew else str(gap.missed) for gap in newest],
        }
    )
