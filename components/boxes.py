"""Boxes that say what is wrong. Headlines are ours; details may quote others and are therefore plain text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from services.errors import (
    DashboardError,
    InvalidInput,
    NotAuthorized,
    NotConfigured,
    NotFound,
    NotPermitted,
    SandboxNotRunning,
    Throttled,
    Unreachable,
)

_HEADLINES: tuple[tuple[type[DashboardError], str], ...] = (
    (InvalidInput, "Not accepted"),
    (NotConfigured, "The configuration is not complete"),
    (SandboxNotRunning, "The sandbox is not running"),
    (Unreachable, "Unreachable"),
    (NotAuthorized, "Refused"),
    (NotPermitted, "For operators only"),
    (NotFound, "Not found"),
    (Throttled, "Not now"),
)


def headline(error: DashboardError) -> str:
    """The kind of an error in two or three words of ours."""
    return next((text for kind, text in _HEADLINES if isinstance(error, kind)), "Failed")


def error_box(error: DashboardError) -> None:
    """A box with the kind of the error, what happened, and what to do next."""
    with st.container(border=True):
        st.error(headline(error), icon=":material/error:")
        st.text(error.what)
        if error.advice:
            st.text(error.advice)


@contextmanager
def guarded() -> Iterator[None]:
    """Runs a part of a page; what a service raises becomes a box in its place, and the rest of the page goes on."""
    try:
        yield
    except DashboardError as error:
        error_box(error)
