"""Weather: enter, update and delete records, one by one or many at once, and watch what each change sets off."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from components.boxes import guarded
from pages import access, weather_acts, weather_files, weather_form, weather_jobs, weather_outcome, weather_records
from services.errors import DashboardError
from services.units import Unit

weather_acts.prepare()
st.title("Weather")
with st.container(horizontal=True, vertical_alignment="center"):
    # Not a segmented control: its chosen segment is too faint on dark (contrast 3.2, axe wants 4.5).
    st.radio(
        "Temperatures in",
        [unit.value for unit in Unit],
        horizontal=True,
        key="unit",
        bind="query-params",
        on_change=weather_form.change_unit,
    )
    st.caption("The table stores °F.")
if not access.is_operator():
    st.info("You can look at everything here. Writing and deleting is for operators.", icon=":material/lock:")

known: list[str] = []
with suppress(DashboardError):
    # What is wrong with the table is said once, where its records would be.
    known = weather_records.known_locations()
entry, outcome = st.columns(2, gap="large")
with outcome:
    weather_outcome.show()
with entry:
    weather_form.entry(known)
    weather_form.deletion(known)
with guarded():
    weather_jobs.show()
weather_records.show()
weather_files.show()
if not weather_form.dialog():
    weather_records.dialog()
