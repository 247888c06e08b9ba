"""Live topic: what arrives from the subscription, as charts and as a list, by push or refreshed each second."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from components.boxes import error_box, guarded
from components.live_board import live_board
from core import names
from core.errors import DashboardError, InvalidInput
from pages.frame import context
from pages.live_topic import event, export, fallback, route
from services.live import address as live_view
from services.topic.series import TYPES, WINDOWS, View

state = st.session_state

_DAY = View(live_view.window("24h"))
#: Why a browser says that it cannot have the stream, in words; what it sends is not ours.
_UNAVAILABLE = {
    "unsupported": "This browser cannot receive pushed updates.",
    "refused": "The dashboard refused this browser's stream of updates.",
    "silent": "No pushed update came through; something on the way may hold them back.",
}


def _filters() -> View | None:
    """The view that the widgets name, and so the page's address. None when it is not one, which is said."""
    locations, types, window = st.columns([4, 3, 5], gap="medium", vertical_alignment="bottom")
    with locations:
        named = st.multiselect(
            "Locations",
            _known(),
            key="location",
            bind="query-params",
            accept_new_options=True,
            max_selections=live_view.MOST_LOCATIONS,
            placeholder="All; type a name",
        )
    with types:
        wanted = st.multiselect("Types", TYPES, key="type", bind="query-params", placeholder="All")
    with window:
        keys = [one.key for one in WINDOWS]
        key = st.radio(
            "Window",
            keys,
            index=keys.index(live_view.DEFAULT_WINDOW),
            horizontal=True,
            key="window",
            bind="query-params",
        )
    try:
        return live_view.view(key, named, wanted)
    except InvalidInput as error:
        error_box(error)
        return None


def _known() -> list[str]:
    """The locations to choose from: those that events came from, and those of the records that the pages show."""
    found = set(state.get("location", ()))
    # The page says elsewhere that the table cannot be read; a name can be typed.
    with suppress(DashboardError):
        newest = context.pipeline().feed.series.picture(_DAY, time.time()).latest
        found |= {latest.location for latest in newest}
        found |= set(context.known_locations())
    return sorted(name for name in found if name)


def _pushed() -> bool:
    """Whether to show the view by push: the viewer wants it, and the browser has not said that it cannot have it."""
    wanted = st.toggle(
        "Push",
        value=True,
        key="push",
        bind="query-params",
        help="Off: the page refreshes each second. Off and on again: it is tried anew.",
        on_change=lambda: state.pop("topic_unavailable", None),
    )
    refused = state.get("topic_unavailable")
    if wanted and refused:
        st.info(f"{refused} The page refreshes each second instead.")
    return wanted and not refused


def _board_changed() -> None:
    """Takes up what the board says: an event was selected, or the stream cannot be had."""
    board = state["topic_board"]
    if isinstance(board.get("selected"), str):
        event.select(board["selected"])
    reason = _UNAVAILABLE.get(str(board.get("unavailable")))
    if reason:
        state.topic_unavailable = reason


st.title("Live topic")
st.caption(f"Topic {names.TOPIC} of cache {names.CACHE}")
view = _filters()
pushed = _pushed()
if view is not None:
    if pushed:
        address = f"{route.path()}?{live_view.query(view)}"
        live_board(address, event.selected_id(), key="topic_board", on_change=_board_changed)
        event.show()
    else:
        fallback.refreshing(view)
    with guarded():
        export.buttons(view)
        export.completeness()
