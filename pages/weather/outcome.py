"""What became of a change on the page Weather: an error, a conflict to settle, or the way of the write."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from components.boxes import error_box, guarded
from components.parts import part
from core.errors import DashboardError
from pages.frame import access, context
from pages.weather import acts, batch_steps, form, propagation_steps
from pages.weather.acts import attempt
from services.app.pipeline import Pipeline
from services.dead_letters.message import DeadLetter
from services.pipes.describe import Pipe
from services.tracking.batches import BatchJourney
from services.tracking.hints import Hint, Place, hints
from services.tracking.writes import Journey
from services.weather.changes import Conflict
from services.weather.edits import TEMPERATURES, number_of
from services.weather.table import LABELS, number_text, plain
from services.weather.units import STORED, Unit, shown

state = st.session_state

_SCRIPTS = {
    Place.PIPES: "pipes/page.py",
    Place.DEAD_LETTERS: "dead_letters/page.py",
    Place.LIVE_TOPIC: "live_topic/page.py",
    Place.LOOKUP: "lookup/page.py",
}


def show() -> None:
    """All of it, the newest first."""
    st.subheader("What happened next")
    if "weather_error" in state:
        error_box(state.weather_error)
    if state.weather_note:
        st.info(state.weather_note, icon=":material/info:")
    for conflict in tuple(state.weather_conflicts.values()):
        _conflict(conflict)
    journeys: tuple[Journey, ...] = state.weather_journeys
    if journeys:
        _way_of(_chosen(journeys))
    elif "weather_error" not in state and not state.weather_conflicts:
        st.write("Save or delete a record, and each step of its way appears here with its time.")


def _chosen(journeys: tuple[Journey, ...]) -> Journey:
    if len(journeys) == 1:
        return journeys[0]
    newest_first = range(len(journeys) - 1, -1, -1)
    at = st.selectbox(
        "The way of",
        newest_first,
        format_func=lambda at: f"{journeys[at].way.write.location} ({len(journeys) - at} of the newest)",
        key="weather_journey",
    )
    return journeys[at]


def _way_of(journey: Journey) -> None:
    # A way that is known to its end needs no further look.
    part(run_every=None if journey.way.ended else 0.5)(_way)(journey)


def _way(journey: Journey) -> None:
    way = journey.way
    try:
        pipeline = context.pipeline()
    except DashboardError as error:
        propagation_steps.show(way, {})
        error_box(error)
        return
    propagation_steps.show(way, pipeline.journeys.typical())
    if not way.late:
        return
    for number, hint in enumerate(hints(way, _pipes(pipeline), _letters(pipeline))):
        with st.container(border=True, key=f"hint_{number}"):
            st.text(hint.text)
            st.page_link(_SCRIPTS[hint.place], label=hint.place.value, icon=":material/arrow_forward:")


def rows_of(journey: BatchJourney) -> None:
    """The way of the rows of a job, kept fresh until it is known to its end."""
    part(run_every=None if journey.way.ended else 1)(_rows)(journey)


def _rows(journey: BatchJourney) -> None:
    way = journey.way
    if not way.begun:
        return
    batch_steps.show(way)
    if not way.named:
        return
    with guarded():
        pipeline = context.pipeline()
        pipes, letters = _pipes(pipeline), _letters(pipeline)
        found: dict[Hint, list[str]] = {}
        for row in way.named:
            for hint in hints(row, pipes, letters):
                found.setdefault(hint, []).append(row.write.location)
        for number, (hint, locations) in enumerate(found.items()):
            with st.container(border=True, key=f"rows_hint_{number}"):
                st.text(hint.text)
                st.page_link(_SCRIPTS[hint.place], label=hint.place.value, icon=":material/arrow_forward:")
                st.code("\n".join(locations), language=None, height=120 if len(locations) > 4 else "content")


def _pipes(pipeline: Pipeline) -> tuple[Pipe, ...]:
    try:
        return pipeline.pipes.get().value
    except DashboardError:
        # The sidebar says that AWS cannot be asked; the steps are shown without the pipes' states.
        return ()


def _letters(pipeline: Pipeline) -> tuple[DeadLetter, ...]:
    try:
        return pipeline.dead_letters.letters().value.letters
    except DashboardError:
        # As above: the page Dead letters has the error.
        return ()


def _conflict(conflict: Conflict) -> None:
    location = conflict.change.location
    with st.container(border=True, key=f"conflict_{_number(location)}"):
        st.warning(_headline(conflict), icon=":material/merge_type:")
        st.text(location)
        st.dataframe(
            _sides(conflict),
            hide_index=True,
            key=f"conflict_sides_{_number(location)}",
            alt="Your values and those in the table",
        )
        mine = "Delete it all the same" if conflict.change.record is None else "Write mine over it"
        with st.container(horizontal=True):
            st.button(mine, key=f"mine_{_number(location)}", on_click=_take_mine, args=(location,), disabled=not _may())
            st.button("Take theirs", key=f"theirs_{_number(location)}", on_click=_take_theirs, args=(location,))


def _may() -> bool:
    return access.is_operator()


def _number(location: str) -> int:
    """The place of a conflict in the list: a location is no part of an element's key."""
    return list(state.weather_conflicts).index(location)


def _headline(conflict: Conflict) -> str:
    if conflict.change.loaded is None:
        return "There is a record of this location that you have not seen. Nothing was written."
    if conflict.theirs is None:
        return "Somebody deleted this record since you loaded it. Nothing was written."
    return "Somebody changed this record since you loaded it. Nothing was written."


def _sides(conflict: Conflict) -> pd.DataFrame:
    unit = acts.unit()
    record = conflict.change.record
    mine = {} if record is None else plain(record.item())
    theirs = {} if conflict.theirs is None else plain(conflict.theirs)
    loaded = {} if conflict.change.loaded is None else plain(conflict.change.loaded)
    names = [name for name in LABELS if name != "Location"]
    names += sorted(name for name in {*theirs, *loaded} - set(LABELS))
    return pd.DataFrame(
        {
            "Field": [LABELS.get(name, name) for name in names],
            "As you loaded it": [_value(name, loaded, unit) for name in names],
            "Yours": [_value(name, mine, unit) if name in LABELS else "stays as it is" for name in names]
            if record
            else ["deleted"] * len(names),
            "Theirs": [_value(name, theirs, unit) for name in names],
        }
    )


def _value(name: str, values: dict[str, str], unit: Unit) -> str:
    text = values.get(name, "–")
    if name not in TEMPERATURES or text == "–":
        return text
    number = number_of({name: {"N": text}}, name)
    if number is None or unit is STORED:
        return f"{text} {STORED.value}"
    return f"{number_text(shown(number, unit))} {unit.value}"


def _take_mine(location: str) -> None:
    conflict = acts.settle(location)
    if conflict is None:
        return
    change = conflict.mine_over_theirs()

    def act() -> None:
        if acts.make(change) and change.record is not None:
            _load_if_in_form(location, {**(change.loaded or {}), **change.record.item()})

    attempt(act)


def _take_theirs(location: str) -> None:
    conflict = acts.settle(location)
    state.weather_stale = True
    if conflict is not None and conflict.theirs is not None:
        _load_if_in_form(location, conflict.theirs)
    else:
        state.pop("weather_loaded", None)


def _load_if_in_form(location: str, item: object) -> None:
    if state.get("weather_location") == location and isinstance(item, dict):
        form.fill(item)
