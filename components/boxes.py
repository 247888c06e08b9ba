"""Boxes that say what is wrong. Headlines are ours; details may quote others and are therefore plain text."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core import patience
from core.acknowledged import NotAcknowledged
from core.errors import (
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
from core.mishaps import Net
from services.jobs.cached_read import NotYet

logger = logging.getLogger(__name__)

#: Seconds that a part of a page waits for its reads in all.
PART_S = 5.0

_HEADLINES: tuple[tuple[type[DashboardError], str], ...] = (
    (InvalidInput, "Not accepted"),
    (NotConfigured, "The configuration is not complete"),
    (NotYet, "Reading"),
    (NotAcknowledged, "Not known whether it was done"),
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
        if isinstance(error, NotYet):
            st.info(headline(error), icon=":material/hourglass:")
        else:
            st.error(headline(error), icon=":material/error:")
        st.text(error.what)
        if error.advice:
            st.text(error.advice)


@contextmanager
def guarded() -> Iterator[None]:
    """Runs a part of a page; whatever it raises becomes a box in its place, and the rest of the page goes on.

    What it reads may take PART_S seconds in all. What stops or reruns a script passes through.
    """
    with Net(logger, "This part of the page") as net, patience.within(PART_S):
        yield
    if net.error is not None:
        error_box(net.error)
