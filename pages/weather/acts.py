"""What the parts of the page Weather share: making changes, and what became of them, kept for the viewer's session."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.errors import DashboardError, InvalidInput
from pages.frame import access, context
from services.tracking.writes import Journey
from services.weather.changes import Change, Conflict
from services.weather.units import Unit

state = st.session_state

#: Writes whose way the page can show.
_SHOWN = 5


def prepare() -> None:
    """Gives every part of the session's state its first value."""
    for name, value in (
        ("weather_problems", {}),
        ("weather_conflicts", {}),
        ("weather_journeys", ()),
        ("weather_note", ""),
    ):
        state.setdefault(name, value)
    state.setdefault("weather_ttl", 120)


def unit() -> Unit:
    """The unit of temperature that the viewer chose."""
    return Unit(state.get("unit") or Unit.FAHRENHEIT.value)


def attempt(act: Callable[[], None]) -> None:
    """Runs what a click asks for. What a service raises is shown by the next run, above what happened before."""
    state.pop("weather_error", None)
    state.weather_note = ""
    try:
        act()
    except DashboardError as error:
        state.weather_error = error


def make(change: Change) -> bool:
    """Makes a change and follows it. Returns whether the table now is as wanted; else there is a conflict to settle.

    Raises DashboardError.
    """
    what = "Deleting a record" if change.record is None else "Writing a record"
    someone, pipeline = access.require_operator(what), context.pipeline()
    with pipeline.audit.acting(what, someone.name, "", keys=[change.location]) as act:
        done = pipeline.change(change)
        if isinstance(done, Conflict):
            act.end("not done: somebody else had changed it", [])
    state.weather_conflicts.pop(change.location, None)
    if isinstance(done, Journey):
        remember(done)
        return True
    if done.already:
        state.weather_note = "The table already says what you wanted: somebody else was there before you."
        return True
    state.weather_conflicts[change.location] = done
    return False


def remember(journey: Journey) -> None:
    """Shows the way of a write, and reads the table anew."""
    state.weather_journeys = (*state.weather_journeys, journey)[-_SHOWN:]
    state.pop("weather_journey", None)
    state.weather_stale = True
    context.pipeline().record_count.forget()


def settle(location: str) -> Conflict | None:
    """Takes a conflict off the list."""
    conflict: Conflict | None = state.weather_conflicts.pop(location, None)
    return conflict


def problem_of(field: str) -> None:
    """What is wrong with an input, at the input."""
    problem: InvalidInput | None = state.weather_problems.get(field)
    if problem is not None:
        with st.container(key=f"problem_{field}"):
            st.badge("Not accepted", icon=":material/error:", color="red")
            st.text(f"{problem.what} {problem.advice}")
