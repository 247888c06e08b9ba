"""Weather: enter, update and delete records, one by one or many at once, and watch what each change sets off."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from components.boxes import guarded
from core.errors import DashboardError
from pages.frame import access
from pages.weather import acts, files, form, jobs, records
from pages.weather import outcome as weather_outcome
from services.weather.units import Unit

acts.prepare()
st.title("Weather")
with st.container(horizontal=True, vertical_alignment="center"):
    # Not a segmented control: its chosen segment is too faint on dark (contrast 3.2, axe wants 4.5).
    st.radio(
        "Temperatures in",
        [unit.value for unit in Unit],
        horizontal=True,
        key="unit",
        bind="query-params",
        on_change=form.change_unit,
    )
    st.caption("The table stores °F.")
if not access.is_operator():
    st.info("You can look at everything here. Writing and deleting is for operators.", icon=":material/lock:")

known: list[str] = []
with suppress(DashboardError):
    # What is wrong with the table is said once, where its records would be.
    known = records.known_locations()
entry, outcome = st.columns(2, gap="large")
with outcome:
    weather_outcome.show()
with entry:
    form.entry(known)
    form.deletion(known)
with guarded():
    jobs.show()
records.show()
files.show()
if not form.dialog():
    records.dialog()
