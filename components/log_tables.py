"""Tables of the page Logs. All text from outside stands in cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from components import formats
from components.execution_details import SIGNS
from core import names
from services.logs.executions import Execution, LogRecord
from services.logs.queries import FOREIGN
from services.logs.store import ErrorGroup

#: Characters of a raw record that a cell shows.
CELL = 300

#: Takes the number of the row that was selected.
OnRow = Callable[[int], None]


def executions(found: Sequence[Execution], where: tzinfo, *, key: str, on_row: OnRow) -> None:
    """Executions, a row each."""
    _table(
        {
            "Started": [formats.moment(one.started_ms / 1000, where) for one in found],
            "Pipe": [flow(one.pipe) for one in found],
            "Outcome": [SIGNS[one.outcome] for one in found],
            "Event": [one.event_name for one in found],
            "Location": [_locations(one) for one in found],
            "Took": [formats.milliseconds(one.duration_ms) for one in found],
            "Failed calls": [one.attempts for one in found],
            "Error": [one.error[:CELL] for one in found],
            "Execution": [one.execution_id for one in found],
        },
        key,
        on_row,
        "Executions of the pipes, newest first",
    )


def records(found: Sequence[LogRecord], where: tzinfo, *, key: str, on_row: OnRow) -> None:
    """Log records, a row each."""
    _table(
        {
            "Time": [formats.moment(record.time_ms / 1000, where) for record in found],
            "Pipe": [flow(record.pipe) for record in found],
            "Level": [record.level for record in found],
            "Message type": [record.message_type if record.readable else FOREIGN for record in found],
            "Truncated": [", ".join(record.truncated) for record in found],
            "Error": [record.error[:CELL] for record in found],
            "Record": [_cut(record.raw) for record in found],
        },
        key,
        on_row,
        "Log records of the pipes, newest first",
    )


def error_groups(found: Sequence[ErrorGroup], where: tzinfo, *, key: str, on_row: OnRow) -> None:
    """Errors that are the same but for ids, times and numbers, a row each."""
    _table(
        {
            "Executions": [group.count for group in found],
            "Error": [group.signature for group in found],
            "Pipes": [", ".join(map(flow, group.pipes)) for group in found],
            "Trend": [list(group.trend) for group in found],
            "Delivered later": [group.succeeded_later for group in found],
            "First": [formats.moment(group.first_ms / 1000, where) for group in found],
            "Last": [formats.moment(group.last_ms / 1000, where) for group in found],
        },
        key,
        on_row,
        "Errors of the pipes, the most frequent first",
        {"Trend": st.column_config.BarChartColumn(help="Executions over the window, in 24 equal parts", y_min=0)},
    )


def flow(pipe: str) -> str:
    """What people call the pipe."""
    return names.FLOW_OF.get(pipe, pipe)


def _locations(one: Execution) -> str:
    return f"{one.location} and {one.batch - 1:,} more" if one.batch > 1 else one.location


def _cut(text: str) -> str:
    return text if len(text) <= CELL else f"{text[:CELL]}…"


def _table(
    columns: dict[str, list[Any]], key: str, on_row: OnRow, alt: str, config: dict[str, Any] | None = None
) -> None:
    def selected() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            on_row(rows[0])

    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        column_config={"Error": st.column_config.TextColumn(width="large"), **(config or {})},
        key=key,
        on_select=selected,
        selection_mode="single-row",
        alt=alt,
    )
