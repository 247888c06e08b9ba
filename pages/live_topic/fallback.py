"""The live topic without push: a fragment that draws the same picture anew each second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Literal

import pyarrow as pa
import streamlit as st

from components import formats
from components.boxes import guarded
from components.parts import part
from pages.frame import context
from pages.live_topic import charts
from pages.live_topic import event as live_event
from services.live import messages
from services.topic.events import TopicEvent
from services.topic.series import Latest, Picture, View
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState, FeedStatus

state = st.session_state

#: Rows of the list of events: fewer than by push, because each refresh sends all of them.
LISTED = 100
#: What was shown last is kept for so many views, and for as long, in seconds, it is new enough for the next viewer.
_KEPT = 16
_NEW_ENOUGH_S = 0.2
_shown_last: dict[tuple[TopicFeed, View], Shown] = {}


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows of a view at one version of the feed; the same object for all viewers.

    `made_at` is on the monotonic clock.
    """

    picture: Picture
    events: tuple[TopicEvent, ...]
    version: int
    made_at: float


@dataclass(frozen=True)
class Tables:
    """The rows of what is shown, ready to be sent."""

    bands: pa.Table
    rates: pa.Table
    latest: pa.Table
    events: pa.Table


@part(run_every=1)
def refreshing(view: View) -> None:
    """Draws the view, and again each second."""
    with guarded():
        feed = context.pipeline().feed
        where = context.viewer_zone()
        status = feed.status()
        # What the viewer saw when selecting a row of it.
        seen: Shown | None = state.get("topic_shown")
        shown = _shown(feed, view)
        _state_line(feed, status)
        if not shown.events and not shown.picture.latest:
            st.info("No event that fits has arrived yet. Save a record on the page Weather, and it appears here.")
            return
        tables = _tables(shown, where)
        _charts(shown.picture, tables)
        _latest(shown.picture, tables.latest)
        _events(shown.events, tables.events, seen)
        live_event.show()


def _shown(feed: TopicFeed, view: View) -> Shown:
    """What is new, or what there was when the viewer paused."""
    frozen: Shown | None = state.get("topic_frozen")
    if frozen is not None and frozen.picture.view == view:
        return frozen
    state.pop("topic_frozen", None)
    shown = _newest(feed, view)
    state.topic_shown = shown
    return shown


def _newest(feed: TopicFeed, view: View) -> Shown:
    known, now = _shown_last.get((feed, view)), time.monotonic()
    if known is not None and now - known.made_at < _NEW_ENOUGH_S:
        return known
    version, picture = feed.version, feed.series.picture(view, time.time())
    if known is None or known.version != version or known.picture is not picture:
        # Without a filter every event fits, and making events of what the buffer keeps is not for nothing.
        enough = messages.LOOKED_AT if view.locations or view.types else LISTED
        events = messages.fitting(feed.snapshot(limit=enough).events, view)
        if len(_shown_last) >= _KEPT:
            _shown_last.clear()
        known = _shown_last[feed, view] = Shown(picture, tuple(events[-LISTED:]), version, now)
    return known


@lru_cache(_KEPT)
def _tables(shown: Shown, where: tzinfo) -> Tables:
    newest = sorted(shown.picture.latest, key=lambda latest: latest.received_at, reverse=True)
    return Tables(
        charts.band_rows(shown.picture, where),
        charts.rate_rows(shown.picture, where),
        _latest_rows(newest[: messages.LATEST]),
        _event_rows(shown.events[::-1], where),
    )


def _pause() -> None:
    state.topic_frozen = state.get("topic_shown")


def _resume() -> None:
    state.pop("topic_frozen", None)


def _news(feed: TopicFeed, frozen: Shown) -> int:
    """How many events that fit have come since the viewer paused, of the newest LOOKED_AT."""
    view = frozen.picture.view
    if not (view.locations or view.types):
        return feed.version - frozen.version
    return len(messages.fitting(feed.snapshot(limit=messages.LOOKED_AT, after=frozen.version).events, view))


def _state_line(feed: TopicFeed, status: FeedStatus) -> None:
    frozen: Shown | None = state.get("topic_frozen")
    now = time.time()
    live = status.state is FeedState.LIVE
    with st.container(horizontal=True, vertical_alignment="center"):
        if frozen is not None:
            st.badge(
                f"Paused, {formats.counted(_news(feed, frozen), 'new event')}", icon=":material/pause:", color="gray"
            )
            st.button("Resume", on_click=_resume, key="topic_resume")
        else:
            colour: Literal["green", "red"] = "green" if live else "red"
            words = "Refreshing each second" if live else f"Subscription {status.state.value}"
            st.badge(words, icon=":material/sync:" if live else ":material/error:", color=colour)
            st.button("Pause", on_click=_pause, key="topic_pause")
        last = formats.ago(now - status.last_event_at) if status.last_event_at else "none yet"
        facts = [f"last event {last}", f"{status.received:,} received"]
        facts += [f"{status.missed:,} missed"] if status.missed else []
        facts += [formats.counted(status.reconnects, "reconnect")] if status.reconnects else []
        st.text(" · ".join(facts))
    if not live:
        st.text(f"For {formats.age(now - status.since)}. {status.reason}")


def _charts(picture: Picture, tables: Tables) -> None:
    temperatures, rates = st.columns([3, 2], gap="large")
    with temperatures:
        charts.temperatures(tables.bands, key="topic_temperatures")
        st.caption("Temperatures by location, °F: maximum and minimum, and × where a record was deleted.")
    with rates:
        charts.rates(tables.rates, key="topic_rates")
        st.caption(f"Events in each {formats.age(picture.view.window.bucket_s)}.")


def _latest(picture: Picture, rows: pa.Table) -> None:
    st.subheader("Newest value of each location")
    st.dataframe(
        rows,
        hide_index=True,
        column_config={"Max lately": st.column_config.LineChartColumn()},
        key="topic_latest",
        alt="Newest value of each location",
    )
    if picture.more_locations:
        more = formats.counted(picture.more_locations, "more location")
        st.caption(f"{more} in this window not drawn; name those you want to see.")


def _latest_rows(newest: Sequence[Latest]) -> pa.Table:
    return pa.table(
        {
            "Location": pa.array([latest.location for latest in newest], pa.string()),
            "Event": pa.array([latest.event_type for latest in newest], pa.string()),
            "Maximum, °F": pa.array([latest.max_temp for latest in newest], pa.float64()),
            "Minimum, °F": pa.array([latest.min_temp for latest in newest], pa.float64()),
            "Precipitation, %": pa.array([latest.chance for latest in newest], pa.float64()),
            "Max lately": pa.array([latest.spark for latest in newest], pa.list_(pa.float64())),
        }
    )


def _events(events: tuple[TopicEvent, ...], rows: pa.Table, seen: Shown | None) -> None:
    st.subheader("Events")
    number = state.get("topic_selections", 0)
    chosen = st.dataframe(
        rows,
        hide_index=True,
        # Rows move on under a selection; each one is taken up at once, and the next table has none.
        key=f"topic_events_{number}",
        on_select="rerun",
        selection_mode="single-row",
        height=400,
        alt="Events of the topic, newest first",
    ).selection.rows
    st.caption(
        f"The newest {formats.counted(len(events), 'event')} that fit, of at most {LISTED}. Select one to see it."
    )
    if chosen and seen is not None and chosen[0] < len(seen.events):
        state.topic_selections = number + 1
        live_event.select(messages.event_id(seen.events[::-1][chosen[0]]))


def _event_rows(newest: Sequence[TopicEvent], where: tzinfo) -> pa.Table:
    return pa.table(
        {
            "Received": pa.array([formats.clock(event.received_at, where) for event in newest], pa.string()),
            "Event": pa.array([messages.kind(event) for event in newest], pa.string()),
            "Location": pa.array([event.location or "" for event in newest], pa.string()),
            "Maximum, °F": pa.array([event.max_temp for event in newest], pa.float64()),
            "Minimum, °F": pa.array([event.min_temp for event in newest], pa.float64()),
            "Precipitation, %": pa.array([event.chance for event in newest], pa.float64()),
            "Remark": pa.array([event.problem or "" for event in newest], pa.string()),
        }
    )
