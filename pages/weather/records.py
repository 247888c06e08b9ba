"""The records of the page Weather: an editable table with paging and search, and deleting many at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import guarded
from components.parts import part
from core.errors import DashboardError, InvalidInput
from pages.frame import access, context
from pages.weather import acts, jobs
from pages.weather.acts import attempt
from services.jobs.cached_read import bounded
from services.weather import csv_file, views
from services.weather.changes import Change
from services.weather.edits import TEMPERATURES, edited, foreign, number_of
from services.weather.paging import Item, location_of
from services.weather.table import LABELS, plain
from services.weather.units import Unit, shown
from services.weather.views import MOST_FOUND, PageView, SearchView, View

SIZES = (50, 25, 100)
#: Seconds after a read of the records that failed in which it is not tried again.
RETRY_S = 3.0
#: Names that a confirmation lists; of more than these it says how many.
_NAMED = 100
_SELECT, _OTHER = "Select", "Other attributes"

state = st.session_state


def view() -> View:
    """What the viewer looks at; read when there is none yet, or after a change. Raises DashboardError.

    What cannot be read anew stays as it was, and `weather_unread` says why.
    """
    pages = context.pipeline().record_pages
    known: View | None = state.get("weather_view")
    # Another sandbox is another table.
    if known is not None and state.get("weather_seen_by") is not context.pipeline():
        known = None
    if known is not None and not state.get("weather_stale"):
        return known
    # Asked for here: what reads runs in a thread of its own, which knows no viewer.
    size = _size()
    try:
        _read(lambda: views.again(pages, known) if known else views.first(pages, size))
    except DashboardError:
        if known is None:
            raise
        return known
    found: View = state.weather_view
    return found


def _size() -> int:
    return state.get("weather_size") or SIZES[0]


def _read(read: Callable[[], View]) -> None:
    """Shows what is read. Raises DashboardError; for RETRY_S after a failure that one again."""
    failed: tuple[float, DashboardError] | None = state.get("weather_unread")
    if failed is not None and time.monotonic() - failed[0] < RETRY_S:
        raise failed[1]
    try:
        _look(bounded(read))
    except DashboardError as error:
        state.weather_unread = (time.monotonic(), error)
        raise


def _look(found: View) -> None:
    """Shows another view; edits of the one before are gone."""
    state.weather_view = found
    state.weather_seen_by = context.pipeline()
    state.weather_stale = False
    state.weather_unread = None
    state.weather_generation = state.get("weather_generation", 0) + 1
    state.weather_row_problems = ()


def known_locations() -> list[str]:
    """Locations of the records in view. Raises DashboardError."""
    return sorted(location_of(item) for item in view().items)


def show() -> None:
    """The table with what leads to other parts of it."""
    st.subheader("Records in the table")
    with guarded():
        _toolbar()
        if state.get("weather_unread"):
            _until_read()
        found = view()
        _said(found)
        if found.items:
            _editor(found)
        elif isinstance(found, SearchView):
            st.write("None found yet." if found.next_start else "No record begins so.")
        else:
            st.write("There are none yet." if found.number == 1 else "There are no more.")
        _ways_on(found)


@part(run_every=RETRY_S + 0.5)
def _until_read() -> None:
    """Says why the records could not be read, and tries it again until they can."""
    view()
    failed: tuple[float, DashboardError] | None = state.get("weather_unread")
    if failed is None:
        st.rerun()
    st.text(f"The records could not be read anew. {failed[1]}")


def _toolbar() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Find names that begin with", key="weather_prefix", placeholder="Sea", on_change=_search)
        st.button("Find", icon=":material/search:", on_click=_search)
        st.selectbox("Records on a page", SIZES, key="weather_size", on_change=_first_page, width=150)
        st.button("Read again", icon=":material/refresh:", on_click=_again)


def _said(found: View) -> None:
    count = _counted()
    units = f"{found.capacity_units:g} read {'unit' if found.capacity_units == 1 else 'units'}"
    table = f"The table had about {count} when AWS last counted, which it does every six hours."
    if isinstance(found, PageView):
        read = formats.counted(found.read, "record")
        st.text(f"Page {found.number}: {read} read so far; this page took {units}. {table}")
        return
    st.text(f"Beginning with: {found.prefix}")
    words = f"Read {found.read:,} of about {count}, {len(found.items):,} found, {units}."
    if found.full and found.next_start:
        words += f" A search ends at {MOST_FOUND:,} records; look for a longer beginning."
    elif found.next_start:
        words += " There may be more: go on."
    st.text(words)


def _counted() -> str:
    try:
        return formats.number(context.pipeline().record_count.last().value)
    except DashboardError:
        # The table shows without it.
        return "an unknown number of records"


def _ways_on(found: View) -> None:
    with st.container(horizontal=True):
        if isinstance(found, SearchView):
            may_go_on = found.next_start is not None and not found.full
            st.button("Continue the search", on_click=_go_on, disabled=not may_go_on)
            st.button("Back to all records", on_click=_first_page)
        else:
            st.button("Previous page", icon=":material/chevron_left:", on_click=_preceding, disabled=found.number == 1)
            st.button(
                "Next page", icon=":material/chevron_right:", on_click=_following, disabled=found.next_start is None
            )
        st.download_button(
            "Download what is shown",
            csv_file.write(plain(item) for item in found.items),
            "weather-records.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="CSV with the five columns of a weather record, temperatures in °F.",
        )
    st.caption(f"Read {formats.ago(time.time() - found.read_at)}. The table stores temperatures in °F.")


def _editor(found: View) -> None:
    unit = acts.unit()
    may = access.is_operator()
    st.data_editor(
        rows(found.items, unit),
        key=_editor_key(),
        hide_index=True,
        disabled=["Location", _OTHER] if may else True,
        column_config={
            _SELECT: st.column_config.CheckboxColumn(_SELECT, width="small"),
            "MaxTemp": st.column_config.NumberColumn(f"Maximum, {unit.value}", format="%g"),
            "MinTemp": st.column_config.NumberColumn(f"Minimum, {unit.value}", format="%g"),
            "ChancesOfPrecipitation": st.column_config.NumberColumn("Precipitation, %", format="%g"),
            "TTL": st.column_config.NumberColumn("Time to live, s", format="%d"),
        },
        alt="Weather records in the DynamoDB table",
    )
    _row_problems()
    cells, chosen = _edited_cells(), _selected()
    with st.container(horizontal=True, vertical_alignment="center"):
        save = f"Save {formats.counted(len(cells), 'changed row')}" if cells else "Save changed rows"
        st.button(save, icon=":material/save:", type="primary", on_click=_save, disabled=not cells or not may)
        st.button("Undo edits", on_click=_undo, disabled=not cells and not chosen)
        delete = f"Delete {formats.counted(len(chosen), 'record')}" if chosen else "Delete selected"
        st.button(
            delete,
            key="weather_delete_many_ask",
            icon=":material/delete:",
            on_click=_ask_to_delete,
            disabled=not chosen or not may,
        )


def rows(items: Sequence[Item], unit: Unit) -> pd.DataFrame:
    """The items as the editor shows them: temperatures in `unit`, what is no number empty."""
    columns: dict[str, list[Any]] = {_SELECT: [False] * len(items), "Location": [location_of(item) for item in items]}
    for name in LABELS:
        if name != "Location":
            columns[name] = [_number(item, name, unit) for item in items]
    if any(foreign(item) for item in items):
        columns[_OTHER] = [", ".join(foreign(item)) for item in items]
    return pd.DataFrame(columns).astype(
        dict.fromkeys(("MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL"), "float64")
    )


def _number(item: Item, name: str, unit: Unit) -> float | None:
    number = number_of(item, name)
    if number is None:
        return None
    return float(shown(number, unit) if name in TEMPERATURES else number)


def _editor_key() -> str:
    return f"weather_records_{state.get('weather_generation', 0)}_{acts.unit().name}"


def _editor_state() -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = state.get(_editor_key(), {}).get("edited_rows", {})
    return found


def _edited_cells() -> dict[int, dict[str, Any]]:
    """Row -> attribute name -> new value, for the rows in which a value was edited."""
    cells = {
        row: {name: value for name, value in changed.items() if name in LABELS}
        for row, changed in _editor_state().items()
    }
    return {row: changed for row, changed in cells.items() if changed}


def _selected() -> tuple[Item, ...]:
    items = view().items
    return tuple(items[row] for row, changed in sorted(_editor_state().items()) if changed.get(_SELECT))


def _row_problems() -> None:
    problems: tuple[tuple[str, InvalidInput], ...] = state.get("weather_row_problems", ())
    if not problems:
        return
    with st.container(border=True, key="row_problems"):
        st.error("Not accepted; nothing was written", icon=":material/error:")
        for location, problem in problems:
            st.text(f"{location}: {problem.what} {problem.advice}")


def _save() -> None:
    """Checks every changed row; when all are right, each is written if nobody else has changed it."""

    def act() -> None:
        access.require_operator("Writing a record")
        items = view().items
        changes: list[Change] = []
        problems: list[tuple[str, InvalidInput]] = []
        for row, cells in _edited_cells().items():
            change, wrong = edited(items[row], cells, acts.unit())
            problems += [(location_of(items[row]), problem) for problem in wrong.values()]
            if change is not None:
                changes.append(change)
        state.weather_row_problems = tuple(problems)
        if problems:
            return
        try:
            for change in changes:
                acts.make(change)
        finally:
            # What was written is written, whatever came after it: the table is read anew.
            state.weather_stale = True

    attempt(act)


def _undo() -> None:
    state.weather_generation = state.get("weather_generation", 0) + 1
    state.weather_row_problems = ()


def _turn(step: Any) -> None:
    """Goes to another view; when it cannot be read, the one that is there stays."""

    def act() -> None:
        _look(step(context.pipeline().record_pages))

    attempt(act)


def _first_page() -> None:
    _turn(lambda pages: views.first(pages, state.weather_size))


def _following() -> None:
    _turn(lambda pages: views.following(pages, state.weather_view))


def _preceding() -> None:
    _turn(lambda pages: views.preceding(pages, state.weather_view))


def _again() -> None:
    context.pipeline().record_count.forget()
    _turn(lambda pages: views.again(pages, state.weather_view))


def _search() -> None:
    prefix = str(state.get("weather_prefix") or "")
    if prefix:
        _turn(lambda pages: views.search(pages, prefix))
    else:
        _first_page()


def _go_on() -> None:
    _turn(lambda pages: views.go_on(pages, state.weather_view))


def _ask_to_delete() -> None:
    state.weather_to_delete_many = _selected()


def _confirm_delete() -> None:
    items: tuple[Item, ...] = state.pop("weather_to_delete_many")

    def act() -> None:
        someone = access.require_operator("Deleting records")
        changes = tuple(Change(location_of(item), item, None) for item in items)
        name = f"Deleting {formats.counted(len(changes), 'record')}"
        jobs.start_writing("Deleting records", someone.name, name, changes)

    attempt(act)


def _cancel_delete() -> None:
    state.pop("weather_to_delete_many", None)


@st.dialog("Delete these records?", on_dismiss=_cancel_delete)
def _delete_dialog(items: Sequence[Item]) -> None:
    if "weather_to_delete_many" not in state:
        st.rerun()
    st.write(f"{formats.counted(len(items), 'record')}, in transactions of up to 100 that can be stopped between them:")
    names = [location_of(item) for item in items[:_NAMED]]
    if len(items) > _NAMED:
        names.append(f"and {len(items) - _NAMED:,} more")
    st.code("\n".join(names), language=None, height=min(300, 40 + 24 * len(names)))
    st.write("A record that somebody changed since you loaded it is left alone.")
    with st.container(horizontal=True):
        st.button("Delete them", type="primary", key="weather_delete_many_yes", on_click=_confirm_delete)
        st.button("Keep them", key="weather_delete_many_no", on_click=_cancel_delete)


def dialog() -> None:
    """Asks about the deletes that were asked for, if any were."""
    if "weather_to_delete_many" in state:
        _delete_dialog(state.weather_to_delete_many)
