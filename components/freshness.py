"""How old the data on a page is, and the button that reads it anew for everybody."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import streamlit as st

from components import formats
from services.jobs.cached_read import Shared

T = TypeVar("T")


def latest(source: Shared[T]) -> T:
    """The last value. A box says how old it is and why, when it could not be read anew. Raises DashboardError."""
    known = source.last()
    if known.error is not None:
        with st.container(border=True):
            age = formats.ago(time.time() - known.read_at)
            st.warning(f"Not read anew: this was read {age}", icon=":material/history:")
            st.text(str(known.error))
    return known.value


def freshness(*sources: Shared[Any], key: str) -> None:
    """Says when the oldest of the values was read; the button has all of them read at the next look."""
    moments = [source.read_at for source in sources]
    known = [moment for moment in moments if moment is not None]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(known) < len(moments) or not known:
            st.caption("Not all of it has been read yet.")
        else:
            st.caption(f"Read {formats.ago(time.time() - min(known))}, for all viewers together.")
        st.button("Refresh", key=key, icon=":material/refresh:", type="tertiary", on_click=_forget, args=(sources,))


def _forget(sources: tuple[Shared[Any], ...]) -> None:
    for source in sources:
        source.forget()
