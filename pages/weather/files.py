"""Records as files on the page Weather: a CSV file is read, held against the table, and written."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import error_box
from core.errors import DashboardError
from core.text import short
from pages.frame import access
from pages.weather import jobs
from pages.weather.acts import attempt
from services.weather import csv_file
from services.weather.changes import Change
from services.weather.csv_file import CsvFile, RowProblem
from services.weather.file_comparison import Comparison
from services.weather.table import plain

#: Rows of the preview and of the list of problems.
_SHOWN = 200

state = st.session_state


def show() -> None:
    """The upload, and what the file would do."""
    st.subheader("Records from a file")
    st.write(
        f"CSV in UTF-8 with the columns {', '.join(csv_file.COLUMNS)}, or the table's attribute names; "
        f"separated by commas or semicolons; at most {csv_file.MOST_ROWS:,} records and 1 MB. "
        "Temperatures are in °F, whatever this page shows. When a row is wrong, nothing is written."
    )
    st.file_uploader(
        "CSV file",
        type="csv",
        key="weather_file",
        on_change=_read,
        max_upload_size=1,
        disabled=not access.is_operator(),
    )
    if "weather_file_error" in state:
        error_box(state.weather_file_error)
    found: CsvFile | None = state.get("weather_csv")
    if found is not None and found.unread:
        with st.container(border=True, key="file_unread"):
            columns = formats.counted(len(found.unread), "column of the file is", "columns of the file are")
            st.write(f"{columns} not read:")
            st.text(", ".join(short(name, 60) or "(no name)" for name in found.unread[:_SHOWN]))
    if found is not None and found.problems:
        _problems(found.problems)
    compared = jobs.comparison()
    if compared is not None:
        _preview(compared)


def _read() -> None:
    """Checks a file as soon as it is there; one that is right is compared with the table."""
    for name in ("weather_csv", "weather_file_error"):
        state.pop(name, None)
    upload = state.get("weather_file")
    if upload is None:
        return
    try:
        access.require_operator("Comparing a file with the table")
        found = csv_file.read(upload.getvalue())
    except DashboardError as error:
        state.weather_file_error = error
        return
    state.weather_csv = found
    if not found.problems:
        attempt(lambda: jobs.start_comparing(found.records))


def _problems(problems: Sequence[RowProblem]) -> None:
    with st.container(border=True, key="file_problems"):
        st.error(f"{formats.counted(len(problems), 'problem')}; nothing was written", icon=":material/error:")
        shown = problems[:_SHOWN]
        st.dataframe(
            pd.DataFrame(
                {
                    "Line": [problem.line for problem in shown],
                    "Column": [problem.column for problem in shown],
                    "Value": [problem.value for problem in shown],
                    "What is wrong": [problem.what for problem in shown],
                    "What is allowed": [problem.allowed for problem in shown],
                }
            ),
            hide_index=True,
            key="weather_file_problems",
            alt="Problems of the file, by line",
        )
        if len(problems) > _SHOWN:
            st.caption(f"The first {_SHOWN:,}.")


def _preview(compared: Comparison) -> None:
    with st.container(border=True, key="file_preview"):
        with st.container(horizontal=True):
            st.metric("New", formats.number(len(compared.new)), border=True)
            st.metric("Changed", formats.number(len(compared.changed)), border=True)
            st.metric("The same", formats.number(len(compared.same)), border=True)
        changes = compared.changes
        if not changes:
            st.write("The table has all of these records already; there is nothing to write.")
            return
        st.dataframe(
            _rows(changes[:_SHOWN]), hide_index=True, key="weather_file_preview", alt="What the file would write"
        )
        if len(changes) > _SHOWN:
            st.caption(f"The first {_SHOWN:,} of {len(changes):,}.")
        st.button(
            f"Write {formats.counted(len(changes), 'record')}",
            key="weather_file_write",
            type="primary",
            icon=":material/upload:",
            on_click=_write,
            disabled=not access.is_operator(),
        )


def _rows(changes: Sequence[Change]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "": ["new" if change.loaded is None else "changed" for change in changes],
            "Location": [change.location for change in changes],
            "Maximum, °F": [_beside(change, "MaxTemp") for change in changes],
            "Minimum, °F": [_beside(change, "MinTemp") for change in changes],
            "Precipitation, %": [_beside(change, "ChancesOfPrecipitation") for change in changes],
            "Time to live, s": [_beside(change, "TTL") for change in changes],
        }
    )


def _beside(change: Change, name: str) -> str:
    """The value to be written, behind the one that it replaces."""
    assert change.record is not None, "a file deletes nothing"
    mine = csv_file.row_of(change.record)[name]
    theirs = mine if change.loaded is None else plain(change.loaded).get(name, "–")
    return mine if mine == theirs else f"{theirs} → {mine}"


def _write() -> None:
    compared = jobs.comparison()
    if compared is None:
        return

    def act() -> None:
        someone, changes = access.require_operator("Writing records"), compared.changes
        name = f"Writing {formats.counted(len(changes), 'record')}"
        jobs.start_writing("Writing records of a file", someone.name, name, changes)

    attempt(act)
