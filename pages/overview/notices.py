"""The list of what needs attention."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.app.notices import Notice, Severity


def show(found: Sequence[Notice], calm: str) -> None:
    """One box per notice, or `calm` when there is none. Details may quote others and are plain text."""
    if not found:
        st.success(calm, icon=":material/check_circle:")
    for notice in found:
        _show(notice)


def _show(notice: Notice) -> None:
    if notice.severity is Severity.PROBLEM:
        st.error(notice.headline, icon=":material/error:")
    else:
        st.warning(notice.headline, icon=":material/warning:")
    if notice.detail:
        st.text(notice.detail)
