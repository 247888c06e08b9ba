"""The form of the page Weather: a record is entered, or one that is there is loaded, changed and saved."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import streamlit as st

from core.errors import InvalidInput, NotFound
from pages.frame import access, context
from pages.weather import acts
from pages.weather.acts import attempt, problem_of
from services.weather.changes import Change
from services.weather.edits import TEMPERATURES, in_fahrenheit, number_of
from services.weather.paging import Item, location_of
from services.weather.table import LABELS, TTL_MAX_S, check, key_of
from services.weather.units import Unit, shown

_CITIES = ("Seattle", "San Francisco", "New York", "Chicago", "Houston", "Phoenix", "Denver", "Boston", "Miami", "Oslo")
#: Attribute name -> key of its input. Temperatures have one for each unit: a draft in °F never stands under °C.
_KEYS = {"Location": "weather_location", "ChancesOfPrecipitation": "weather_chance", "TTL": "weather_ttl"}
_TEMPERATURE_KEYS = {
    Unit.FAHRENHEIT: {"MaxTemp": "weather_max", "MinTemp": "weather_min"},
    Unit.CELSIUS: {"MaxTemp": "weather_max_c", "MinTemp": "weather_min_c"},
}

state = st.session_state


def _keys(unit: Unit) -> dict[str, str]:
    return {**_KEYS, **_TEMPERATURE_KEYS[unit]}


def _show_temperatures(stored: dict[str, Decimal | None], unit: Unit) -> None:
    """Puts temperatures into their inputs, and keeps what the table has behind them to the last digit."""
    state.weather_exact = stored
    for name, key in _TEMPERATURE_KEYS[unit].items():
        value = stored.get(name)
        state[key] = None if value is None else float(shown(value, unit))


def _in_table_units(unit: Unit) -> dict[str, Any]:
    """What the inputs say, temperatures in °F."""
    fields = {name: state.get(key) for name, key in _keys(unit).items()}
    exact = state.get("weather_exact", {})
    for name in TEMPERATURES:
        if fields[name] is not None:
            fields[name] = in_fahrenheit(fields[name], unit, exact.get(name))
    return fields


def change_unit() -> None:
    """Shows what is in the form in the unit that was just chosen."""
    chosen = acts.unit()
    before = Unit.CELSIUS if chosen is Unit.FAHRENHEIT else Unit.FAHRENHEIT
    fields = _in_table_units(before)
    _show_temperatures({name: fields[name] for name in TEMPERATURES}, chosen)


def fill(item: Item) -> None:
    """Puts an item into the form; saving it then changes it only if it still is so."""
    state.weather_problems = {}
    state.weather_loaded = item
    state.weather_location = location_of(item)
    for name in ("ChancesOfPrecipitation", "TTL"):
        value = number_of(item, name)
        state[_KEYS[name]] = None if value is None else (int(value) if name == "TTL" else float(value))
    _show_temperatures({name: number_of(item, name) for name in TEMPERATURES}, acts.unit())


def _load() -> None:
    """Reads the chosen record anew and fills the form with it."""

    def act() -> None:
        location = key_of(state.get("weather_load"))
        found = context.pipeline().record_pages.exact(location).items
        if not found:
            raise NotFound("The table has no record of this location any more.", "Enter it as a new one.")
        fill(found[0])

    state.weather_problems = {}
    if state.get("weather_load"):
        attempt(act)
        # A select box that shows nothing can take the same record again.
        state.weather_load = None


def _fill_random() -> None:
    """Makes up the weather of a city; what the table has of it is read, so that saving is an update of that."""
    low = random.randint(20, 75)
    city = random.choice(_CITIES)
    state.pop("weather_loaded", None)

    def act() -> None:
        state.weather_loaded = next(iter(context.pipeline().record_pages.exact(city).items), None)

    attempt(act)
    state.weather_location = city
    _show_temperatures({"MinTemp": Decimal(low), "MaxTemp": Decimal(low + random.randint(5, 25))}, acts.unit())
    state.weather_chance = float(random.randint(0, 100))
    state.weather_ttl = random.choice((60, 120, 300, 600))
    state.weather_problems = {}


def _save() -> None:
    """Checks the inputs and writes a record that is right."""
    unit = acts.unit()
    record, problems = check(_in_table_units(unit))
    state.weather_problems = problems
    if record is None:
        return
    loaded: Item | None = state.get("weather_loaded")
    if loaded is not None and location_of(loaded) != record.location:
        loaded = None

    def act() -> None:
        if acts.make(Change(record.location, loaded, record)):
            state.weather_loaded = {**(loaded or {}), **record.item()}

    attempt(act)


def _ask_to_delete() -> None:
    state.weather_problems = {}
    try:
        state.weather_to_delete = key_of(state.get("weather_delete"))
    except InvalidInput as error:
        state.weather_problems = {"delete": error}


def _confirm_delete() -> None:
    location = state.pop("weather_to_delete")

    def act() -> None:
        someone, pipeline = access.require_operator("Deleting a record"), context.pipeline()
        with pipeline.audit.acting("Deleting a record", someone.name, "", keys=[location]):
            journey = pipeline.delete(location)
        acts.remember(journey)

    attempt(act)


def _cancel_delete() -> None:
    state.pop("weather_to_delete", None)


def entry(known: Sequence[str]) -> None:
    """The form, and what fills it."""
    unit = acts.unit()
    st.subheader("Enter or update")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Load a record to change it",
            known,
            index=None,
            key="weather_load",
            placeholder="Choose or type a location",
            accept_new_options=True,
            on_change=_load,
        )
        st.button("Fill with random values", icon=":material/casino:", on_click=_fill_random)
    with st.form("weather_form"):
        st.text_input(LABELS["Location"], key="weather_location", placeholder="Seattle")
        problem_of("Location")
        left, right = st.columns(2)
        with left:
            _temperature("MaxTemp", "Maximum temperature", unit)
        with right:
            _temperature("MinTemp", "Minimum temperature", unit)
        left, right = st.columns(2)
        with left:
            st.number_input("Chance of precipitation, %", key="weather_chance", value=None, step=1.0, format="%g")
            problem_of("ChancesOfPrecipitation")
        with right:
            st.number_input(
                "Time to live in the cache, s",
                key="weather_ttl",
                value=None,
                step=1,
                help=f"1 to {TTL_MAX_S:,} seconds; then the cache forgets the item. The table keeps it.",
            )
            problem_of("TTL")
        st.form_submit_button("Save record", type="primary", on_click=_save, disabled=not access.is_operator())
    loaded: Item | None = state.get("weather_loaded")
    if loaded is not None and location_of(loaded) == state.get("weather_location"):
        st.text("This record is as it was read; saving changes it only if nobody else has in the meantime.")


def _temperature(name: str, label: str, unit: Unit) -> None:
    key = _TEMPERATURE_KEYS[unit][name]
    st.number_input(f"{label}, {unit.value}", key=key, value=None, step=1.0, format="%g")
    problem_of(name)
    if unit is not Unit.FAHRENHEIT and name in state.weather_problems and state.get(key) is not None:
        st.text(f"You entered {state[key]:g} {unit.value}.")


def deletion(known: Sequence[str]) -> None:
    """The choice of one record to delete."""
    st.subheader("Delete")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Record to delete",
            known,
            index=None,
            key="weather_delete",
            placeholder="Choose or type a location",
            accept_new_options=True,
        )
        st.button("Delete record", icon=":material/delete:", on_click=_ask_to_delete, disabled=not access.is_operator())
    problem_of("delete")


@st.dialog("Delete this record?", on_dismiss=_cancel_delete)
def _delete_dialog(location: str) -> None:
    if "weather_to_delete" not in state:
        # A click in a dialog runs the dialog alone again; only a run of the whole page closes it.
        st.rerun()
    st.text(location)
    st.write("The table loses the record, and the pipes then remove it from the cache and tell the topic.")
    with st.container(horizontal=True):
        st.button("Delete it", type="primary", key="weather_delete_yes", on_click=_confirm_delete)
        st.button("Keep it", key="weather_delete_no", on_click=_cancel_delete)


def dialog() -> bool:
    """Asks about the delete that was asked for, if one was. Returns whether it did: a page has one dialog at a time."""
    if "weather_to_delete" not in state:
        return False
    _delete_dialog(state.weather_to_delete)
    return True
