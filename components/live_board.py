"""The board of the page Live topic: charts, newest values and events that the browser draws by itself from a stream.

Its files are served from the dashboard itself, as those of an installed component are: inline code would be loaded
from a `blob:`, which the Content-Security-Policy would have to allow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

_PACKAGE, _NAME, _FOLDER = "weather-pipeline", "live_board", "live_board"
_COMPONENT = f"{_PACKAGE}.{_NAME}"


class Board(Protocol):
    """What mounting the board gives: values for this one run, None in all others."""

    #: The event that the viewer selected, as services.live.messages names it.
    selected: str | None
    #: Why the stream cannot be had: "unsupported", "refused" or "silent".
    unavailable: str | None


def live_board(url: str, selected: str | None, *, key: str, on_change: Callable[[], None]) -> Board:
    """Draws the board for the stream at `url`, with the event `selected` marked; in `on_change` its values are in the
    session state under `key`."""
    _make_known()
    board: Board = _component()(
        key=key,
        data={"url": url, "selected": selected},
        on_selected_change=on_change,
        on_unavailable_change=on_change,
    )
    return board


def _make_known() -> None:
    """Tells Streamlit of the folder with the board's files; each runtime has to be told once."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(_COMPONENT) is None:
        manifest = ComponentManifest(_PACKAGE, "1", [ComponentConfig(_NAME, _FOLDER)])
        manager.register_from_manifest(manifest, Path(__file__).parent)


@cache
def _component() -> Any:
    return st.components.v2.component(_COMPONENT, js="board.js", css="board.css")
