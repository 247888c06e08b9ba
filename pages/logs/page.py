"""Logs: the pipes' log records as executions, as errors that are alike, and as they came, live or over a window."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from components import execution_details, formats, log_tables
from components.boxes import guarded
from components.freshness import latest
from components.parts import part
from core import names
from pages.frame import context
from pages.logs import execution, insights
from services.app.pipeline import Pipeline
from services.logs.executions import Outcome
from services.logs.export import MOST_ROWS, executions_csv, records_jsonl
from services.logs.queries import LEVELS, MESSAGE_TYPES, LogQuery
from services.logs.store import ANSWER_BYTES
from services.logs.tail import LogState, LogView

state = st.session_state

#: Rows of a page of a table.
ROWS = 50
EXECUTIONS, ERRORS, RECORDS, INSIGHTS = "Executions", "Errors", "Raw records", "Insights"
_MINUTE_MS = 60_000
#: Window in words -> ms.
WINDOWS = {
    "15 min": 15 * _MINUTE_MS,
    "1 h": 60 * _MINUTE_MS,
    "3 h": 180 * _MINUTE_MS,
    "12 h": 720 * _MINUTE_MS,
    "24 h": 1440 * _MINUTE_MS,
}
#: Queries begin at a whole multiple of this, so that viewers who look at once share an answer.
_STEP_MS = 10_000
#: Keys of widgets that are bound to the address are the session's: no other page may have a widget of the same key.
_FILTERS = ("pipe", "outcome", "level", "message", "record", "text")
state.setdefault("logs_table", 0)


def _filters() -> None:
    """The widgets; each is a parameter of the page's address under its key."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Window", list(WINDOWS), index=1, key="span", bind="query-params", on_change=_first_page, width=110
        )
        st.selectbox(
            "Pipe",
            names.FLOWS,
            index=None,
            key="pipe",
            bind="query-params",
            placeholder="All",
            accept_new_options=True,
            on_change=_first_page,
            width=170,
        )
        _choice("Outcome", "outcome", [outcome.value for outcome in Outcome], 150)
        _choice("Level", "level", LEVELS, 120)
        _choice("Message type", "message", MESSAGE_TYPES, 250)
        st.text_input("Location", key="record", bind="query-params", on_change=_first_page, width=170)
        st.text_input(
            "Text",
            key="text",
            bind="query-params",
            placeholder="Anything, a sequence number, an execution",
            help="Found anywhere in a line. A sequence number or an execution id finds its execution.",
            on_change=_first_page,
            width=270,
        )
        st.button("Clear", icon=":material/filter_alt_off:", key="logs_clear", on_click=_clear)
    if "error" in st.query_params:
        with st.container(border=True, key="logs_error"):
            st.write("Only executions with this error:")
            st.code(st.query_params["error"], language=None, wrap_lines=True)
            st.button("All errors", icon=":material/close:", key="logs_any_error", on_click=_any_error)


def _choice(label: str, key: str, options: Sequence[str], width: int) -> None:
    st.selectbox(
        label,
        options,
        index=None,
        key=key,
        bind="query-params",
        placeholder="All",
        on_change=_first_page,
        width=width,
    )


def _first_page() -> None:
    if "page" in state:
        state.page = 1


def _clear() -> None:
    for key in _FILTERS:
        state[key] = "" if key in ("record", "text") else None
    _any_error()


def _any_error() -> None:
    st.query_params.pop("error", None)
    _first_page()


def _pause_or_go_on() -> None:
    state.logs_until_ms = None if state.get("logs_until_ms") else int(time.time() * 1000)


def _query() -> LogQuery:
    """What the widgets and the address ask for."""
    window_ms = WINDOWS[state.get("span") or "1 h"]
    until_ms: int | None = state.get("logs_until_ms")
    end_ms = until_ms or int(time.time() * 1000)
    pipe = state.get("pipe") or ""
    return LogQuery(
        since_ms=end_ms // _STEP_MS * _STEP_MS - window_ms,
        until_ms=until_ms,
        pipe=names.pipe(pipe) if pipe in names.FLOWS else pipe,
        outcome=Outcome(state.outcome) if state.get("outcome") else None,
        level=state.get("level") or "",
        message_type=state.get("message") or "",
        location=(state.get("record") or "").strip(),
        text=(state.get("text") or "").strip(),
        signature=st.query_params.get("error", ""),
    )


def _read(pipeline: Pipeline) -> LogView:
    """The log, with the chosen window kept. Raises DashboardError."""
    pipeline.log_tail.ask_for(WINDOWS[state.get("span") or "1 h"])
    return latest(pipeline.log)


def _how_far(log: LogState, query: LogQuery) -> None:
    """What is known of the window, and what is not known yet."""
    where = context.viewer_zone()
    since_ms = max(query.since_ms, log.complete_from_ms)
    known = f"{formats.moment(since_ms / 1000, where)} to {formats.clock(log.horizon_ms / 1000, where)}"
    words = [
        f"Complete from {known}" if log.horizon_ms > since_ms else "Not read up to now yet",
        f"{log.records:,} records kept",
    ]
    if log.lateness_ms is not None:
        words.append(f"records come {formats.milliseconds(log.lateness_ms)} late (p95)")
    st.caption(" · ".join(words))
    if log.reading_back and log.complete_from_ms > query.since_ms:
        st.info(
            f"Reading back to {formats.clock(query.since_ms / 1000, where)}: at "
            f"{formats.clock(log.complete_from_ms / 1000, where)} now, {log.records:,} records so far.",
            icon=":material/hourglass:",
        )
    elif log.full and log.complete_from_ms > query.since_ms:
        st.warning("The window has more records than are kept: the oldest have left.", icon=":material/warning:")
    if log.pause_s:
        st.warning(
            f"CloudWatch asks for fewer calls; the log is read every {log.pause_s:g} s.", icon=":material/hourglass:"
        )


def _open(execution_id: str) -> None:
    """Opens the drawer of an execution: its id goes into the address, and the page is run as a whole."""
    st.query_params["execution"] = execution_id
    # A new key, so that the row does not stay selected while other rows take its place.
    state.logs_table += 1
    state.logs_whole = True


def _executions(log: LogView, query: LogQuery) -> None:
    count, everything = log.store.count_executions(query), log.store.count_executions(_of_window(query))
    st.text(f"{count:,} of {formats.counted(everything, 'execution')} match.")
    found = log.store.executions(query, ROWS, ROWS * (_page(count) - 1))
    if found:
        log_tables.executions(
            found,
            context.viewer_zone(),
            key=f"logs_executions_{state.logs_table}",
            on_row=lambda row: _open(found[row].execution_id),
        )
        st.caption("Select a row to see the execution.")


def _errors(log: LogView, query: LogQuery) -> None:
    until_ms = query.until_ms or int(time.time() * 1000)
    groups = log.store.error_groups(query, until_ms)
    if not groups:
        st.write("No execution that matches had an error.")
        return

    def only(row: int) -> None:
        st.query_params["error"] = groups[row].signature
        state.view = EXECUTIONS
        state.logs_table += 1
        state.logs_whole = True

    st.text(f"{formats.counted(len(groups), 'kind')} of error. Ids, times, addresses and numbers are left out.")
    log_tables.error_groups(groups, context.viewer_zone(), key=f"logs_errors_{state.logs_table}", on_row=only)
    st.caption("Select a row to see its executions.")


def _records(log: LogView, query: LogQuery) -> None:
    count, everything = log.store.count_records(query), log.store.count_records(_of_window(query))
    st.text(f"{count:,} of {formats.counted(everything, 'record')} match.")
    found = log.store.records(query, ROWS, ROWS * (_page(count) - 1))

    def chosen(row: int) -> None:
        if found[row].readable:
            _open(found[row].execution_id)
        else:
            state.logs_line = found[row].raw

    if found:
        log_tables.records(found, context.viewer_zone(), key=f"logs_records_{state.logs_table}", on_row=chosen)
        st.caption("Select a row to see its execution, or the line when it is no record of one.")
    if "logs_line" in state:
        st.subheader("A line that is no record of an execution")
        st.code(state.logs_line[: execution_details.SHOWN_CHARACTERS], language=None, wrap_lines=True)


def _of_window(query: LogQuery) -> LogQuery:
    return LogQuery(since_ms=query.since_ms, until_ms=query.until_ms)


def _page(count: int) -> int:
    """The page of the table that the viewer is on, with the control to change it."""
    pages = max(1, -(-count // ROWS))
    if pages == 1:
        return 1
    # The last page may have gone while the viewer was on it.
    if state.get("page", 1) > pages:
        state.page = pages
    return st.pagination(pages, key="page", bind="query-params")


_VIEWS = {EXECUTIONS: _executions, ERRORS: _errors, RECORDS: _records}


def _tail() -> None:
    if state.pop("logs_whole", False):
        # A selection runs this fragment alone; the drawer and the filters are the whole page's.
        st.rerun()
    with guarded():
        log, query = _read(context.pipeline()), _query()
        _how_far(log.state, query)
        _VIEWS[state.get("view") or EXECUTIONS](log, query)


def _exported_executions() -> bytes:
    log = _read(context.pipeline())
    return executions_csv(log.store.executions(_query(), MOST_ROWS)).encode("utf-8", "replace")


def _exported_records() -> bytes:
    log = _read(context.pipeline())
    return records_jsonl(log.store.records(_query(), MOST_ROWS)).encode("utf-8", "replace")


def _exports() -> None:
    with st.popover("Export", icon=":material/download:"):
        st.write(f"What matches, at most the newest {MOST_ROWS:,}, and {ANSWER_BYTES // 2**20} MB of records.")
        st.download_button(
            "Executions as CSV", _exported_executions, "executions.csv", "text/csv", on_click="ignore", key="logs_csv"
        )
        st.download_button(
            "Records as JSON lines",
            _exported_records,
            "records.jsonl",
            "application/x-ndjson",
            on_click="ignore",
            key="logs_jsonl",
        )


st.title("Logs")
_filters()
with st.container(horizontal=True, vertical_alignment="center"):
    st.radio(
        "View",
        [*_VIEWS, INSIGHTS],
        horizontal=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
        on_change=_first_page,
    )
    paused = bool(state.get("logs_until_ms"))
    if state.view != INSIGHTS:
        st.button(
            "Go on" if paused else "Pause",
            icon=":material/play_arrow:" if paused else ":material/pause:",
            key="logs_pause",
            on_click=_pause_or_go_on,
        )
        _exports()
if state.view == INSIGHTS:
    insights.show(_query(), lambda row: _open(insights.found()[row].execution_id))
else:
    part(run_every=None if paused else 2)(_tail)()
if "execution" in st.query_params:
    execution.drawer(st.query_params["execution"])
