"""Weather: enter, update and delete records, and watch what each change sets off."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from components import propagation_steps
from components.boxes import error_box, guarded
from components.freshness import freshness
from pages import context
from services.errors import DashboardError, InvalidInput
from services.weather import LABELS, TTL_MAX_S, check, key_of

#: Attribute name -> key of its input.
_KEYS = {
    "Location": "weather_location",
    "MaxTemp": "weather_max",
    "MinTemp": "weather_min",
    "ChancesOfPrecipitation": "weather_chance",
    "TTL": "weather_ttl",
}
_CITIES = ("Seattle", "San Francisco", "New York", "Chicago", "Houston", "Phoenix", "Denver", "Boston", "Miami", "Oslo")

state = st.session_state
state.setdefault("weather_problems", {})
state.setdefault("weather_ttl", 120)


def _fill_random() -> None:
    low = random.randint(20, 75)
    state.weather_location = random.choice(_CITIES)
    state.weather_min = float(low)
    state.weather_max = float(low + random.randint(5, 25))
    state.weather_chance = float(random.randint(0, 100))
    state.weather_ttl = random.choice((60, 120, 300, 600))
    state.weather_problems = {}


def _save() -> None:
    """Checks the inputs; a record that is right is written by the page that is drawn next, under a spinner."""
    record, problems = check({name: state.get(key) for name, key in _KEYS.items()})
    state.weather_problems = problems
    if record is not None:
        state.weather_pending = ("put", record)


def _ask_to_delete() -> None:
    state.weather_problems = {}
    try:
        state.weather_to_delete = key_of(state.get("weather_delete"))
    except InvalidInput as error:
        state.weather_problems = {"delete": error}


def _confirm_delete() -> None:
    state.weather_pending = ("delete", state.pop("weather_to_delete"))


def _cancel_delete() -> None:
    state.pop("weather_to_delete", None)


def _problem_of(field: str) -> None:
    problem: InvalidInput | None = state.weather_problems.get(field)
    if problem is not None:
        with st.container(key=f"problem_{field}"):
            st.badge("Not accepted", icon=":material/error:", color="red")
            st.text(f"{problem.what} {problem.advice}")


def _entry_form() -> None:
    st.subheader("Enter or update")
    st.button("Fill with random values", icon=":material/casino:", on_click=_fill_random)
    with st.form("weather_form"):
        st.text_input(LABELS["Location"], key="weather_location", placeholder="Seattle")
        _problem_of("Location")
        left, right = st.columns(2)
        with left:
            st.number_input("Maximum temperature, °F", key="weather_max", value=None, step=1.0, format="%g")
            _problem_of("MaxTemp")
        with right:
            st.number_input("Minimum temperature, °F", key="weather_min", value=None, step=1.0, format="%g")
            _problem_of("MinTemp")
        left, right = st.columns(2)
        with left:
            st.number_input("Chance of precipitation, %", key="weather_chance", value=None, step=1.0, format="%g")
            _problem_of("ChancesOfPrecipitation")
        with right:
            st.number_input(
                "Time to live in the cache, s",
                key="weather_ttl",
                value=None,
                step=1,
                help=f"1 to {TTL_MAX_S:,} seconds; then the cache forgets the item. The table keeps it.",
            )
            _problem_of("TTL")
        st.form_submit_button("Save record", type="primary", on_click=_save)


def _delete_form(locations: list[str]) -> None:
    st.subheader("Delete")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Record to delete",
            locations,
            index=None,
            key="weather_delete",
            placeholder="Choose or type a location",
            accept_new_options=True,
        )
        st.button("Delete record", icon=":material/delete:", on_click=_ask_to_delete)
    _problem_of("delete")


@st.dialog("Delete this record?", on_dismiss=_cancel_delete)
def _delete_dialog(location: str) -> None:
    if "weather_to_delete" not in state:
        # A click in a dialog runs the dialog alone again; only a run of the whole page closes it and writes.
        st.rerun()
    st.text(location)
    st.write("The table loses the record, and the pipes then remove it from the cache and tell the topic.")
    with st.container(horizontal=True):
        st.button("Delete it", type="primary", key="weather_delete_yes", on_click=_confirm_delete)
        st.button("Keep it", key="weather_delete_no", on_click=_cancel_delete)


def _do_pending() -> None:
    pending: tuple[str, Any] | None = state.pop("weather_pending", None)
    if pending is None:
        return
    state.pop("weather_result", None)
    state.pop("weather_error", None)
    act, subject = pending
    with st.spinner("Writing, and watching it travel"):
        try:
            pipeline = context.pipeline()
            state.weather_result = pipeline.put(subject) if act == "put" else pipeline.delete(subject)
        except DashboardError as error:
            state.weather_error = error


def _what_happened() -> None:
    st.subheader("What happened next")
    _do_pending()
    if "weather_error" in state:
        error_box(state.weather_error)
    elif "weather_result" in state:
        propagation_steps.show(state.weather_result)
    else:
        st.write("Save or delete a record, and each step of its way appears here with its time.")


@st.fragment(run_every=3)
def _table() -> None:
    with guarded():
        records = context.pipeline().records
        page = records.get().value
        _records(page.items, page.more)
        freshness(records, key="refresh_weather")


def _records(items: tuple[dict[str, str], ...], more: bool) -> None:
    if not items:
        st.write("There are none yet.")
        return
    rows = pd.DataFrame(items)
    for name in ("MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL"):
        if name in rows:
            rows[name] = pd.to_numeric(rows[name], errors="coerce")
    st.dataframe(
        rows.sort_values("Location"),
        hide_index=True,
        key="weather_records",
        column_order=["Location", "MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL"],
        column_config={
            "MaxTemp": st.column_config.NumberColumn("Maximum, °F"),
            "MinTemp": st.column_config.NumberColumn("Minimum, °F"),
            "ChancesOfPrecipitation": st.column_config.NumberColumn("Precipitation, %"),
            "TTL": st.column_config.NumberColumn("Time to live, s"),
        },
        alt="Weather records in the DynamoDB table",
    )
    if more:
        st.caption(f"The first {len(items):,} records; the table has more.")


st.title("Weather")
entry, outcome = st.columns(2, gap="large")
with outcome:
    _what_happened()
known: list[str] = []
with suppress(DashboardError):
    # What is wrong with the table is said once, where its records would be.
    known = context.known_locations()
with entry:
    _entry_form()
    _delete_form(known)
st.subheader("Records in the table")
_table()
if "weather_to_delete" in state:
    _delete_dialog(state.weather_to_delete)
