"""Dead letters: what failed, why, where it stands now, and how it is put right."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from components import formats
from components.boxes import error_box, guarded
from components.freshness import latest
from components.parts import part
from core import names
from pages.dead_letters import acts, one, tables, work
from pages.frame import access, context
from services.app.pipeline import Pipeline
from services.dead_letters.export import to_csv, to_json_lines
from services.dead_letters.groups import Choice, Group, groups
from services.dead_letters.monitor import JUDGED, MOST, Watch, Watched
from services.dead_letters.repair_status import Case, Standing

state = st.session_state

#: Rows that the table draws; what matches beyond them is still acted on and exported.
LISTED = 500
_EXPLAINED = (
    "A dead letter of a DynamoDB pipe holds no record and no error: it points at the place in the stream where the "
    "record is, for as long as the stream keeps it (24 h). The cause comes from the pipes' log. A repair brings the "
    "cache to what the table says now, reads it back, and only then deletes the message."
)
_RECEIVES = (
    "SQS shows a message only by receiving it. Each look therefore adds one to every receive count, and holds the "
    "messages for a moment. From the third receive on, SQS's metric ApproximateAgeOfOldestMessage passes over a "
    "message, so alarms on it may look better than things are. All viewers share one look: it is taken when the depth "
    "changes, when somebody asks, and otherwise every 60 s."
)
_FILTERS = ("pipe", "cause", "standing", "text")

state.setdefault("letters_opened_at", time.time())
state.setdefault("letters_selected", ())
state.setdefault("letters_group_table", 0)


def _filters(watched: Watched) -> None:
    kinds = sorted({case.cause.kind for case in watched.cases})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _select("Pipe", "pipe", list(names.FLOWS), 170)
        _select("Cause", "cause", kinds, 300)
        _select("Standing", "standing", [standing.value for standing in Standing], 170)
        st.text_input("Text", key="text", bind="query-params", placeholder="Location, body, error", width=220)
        st.button("Clear", icon=":material/filter_alt_off:", key="letters_clear", on_click=_clear)
    for name, words in (("sequence", "a stream record"), ("message", "one message")):
        if name in st.query_params:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(f"Only what points at {words}:" if name == "sequence" else f"Only {words}:")
                st.code(st.query_params[name], language=None)
                st.button("Show all", key=f"letters_any_{name}", on_click=_any, args=(name,))


def _select(label: str, key: str, options: Sequence[str], width: int) -> None:
    st.selectbox(
        label,
        options,
        index=None,
        key=key,
        bind="query-params",
        placeholder="All",
        accept_new_options=key != "standing",
        width=width,
    )


def _clear() -> None:
    for key in _FILTERS:
        state[key] = "" if key == "text" else None
    for name in ("sequence", "message"):
        _any(name)


def _any(name: str) -> None:
    st.query_params.pop(name, None)


def _choice() -> Choice:
    """What the filters and the address ask for."""
    pipe = state.get("pipe") or ""
    return Choice(
        pipe=names.pipe(pipe) if pipe in names.FLOWS else pipe,
        kind=state.get("cause") or "",
        standing=Standing(state.standing) if state.get("standing") else None,
        text=(state.get("text") or "").strip(),
        sequence=st.query_params.get("sequence", ""),
        message=st.query_params.get("message", ""),
    )


def _counts(pipeline: Pipeline, watched: Watched) -> None:
    depth, now = latest(pipeline.depth), time.time()
    letters = watched.look.letters
    oldest = formats.age(now - letters[0].sent_at.timestamp()) if letters else "–"
    with st.container(horizontal=True):
        st.metric("In the queue", formats.number(depth.total), border=True)
        st.metric("Held", formats.number(depth.in_flight), border=True, help="By a look, or by work on them")
        st.metric("Oldest", oldest, border=True, help="Of those that were looked at")
        for standing in (Standing.REPAIRABLE, Standing.NEEDS_ATTENTION, Standing.UNKNOWN):
            count = sum(case.standing is standing for case in watched.cases)
            st.metric(standing.value.capitalize(), formats.number(count), border=True)
    _arrivals(pipeline, watched)


def _arrivals(pipeline: Pipeline, watched: Watched) -> None:
    since: float = state.letters_opened_at
    new = [letter for letter in watched.look.letters if letter.sent_at.timestamp() > since]
    running = pipeline.letter_works.running
    worked_on = running.order.letters.keys() if running else ()
    words = f"{formats.counted(len(new), 'arrival')} since you opened the page"
    if running:
        words += f", {sum(letter.message_id in worked_on for letter in new):,} of them in the work that goes on"
    st.caption(f"{words}. In the queue and held are SQS's own approximate counts.")


def _how_seen(watch: Watch, watched: Watched) -> None:
    look = watched.look
    if look.complete:
        shown = f"all {len(look.letters):,}" if look.letters else "none"
    else:
        shown = f"{len(look.letters):,} of about {look.about:,}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"Showing {shown}, looked at {formats.ago(time.time() - watched.looked_at)}.")
        st.button("Look again", icon=":material/refresh:", key="letters_look", on_click=watch.ask)
        if not look.complete and watch.limit < MOST:
            more = min(watch.limit * 4, MOST)
            st.button(f"Look at up to {more:,}", key="letters_more", on_click=watch.ask, args=(more,))
        if watch.looking:
            st.badge("Looking", icon=":material/hourglass:", color="blue")
    if len(look.letters) > JUDGED:
        st.caption(f"Record and keys are read for the {JUDGED:,} oldest; a plan reads those of all that it is about.")
    if watched.problem is not None:
        error_box(watched.problem)


def _groups(found: Sequence[Group]) -> None:
    if not found:
        return
    st.subheader("Groups")

    def chosen() -> None:
        rows = state[key]["selection"]["rows"]
        if rows:
            group = found[rows[0]]
            state.pipe = names.FLOW_OF.get(group.pipe, group.pipe) or None
            state.cause = group.kind
            state.letters_group_table += 1
            state.letters_whole = True

    key = f"letters_groups_{state.letters_group_table}"
    st.dataframe(
        tables.group_rows(found, context.viewer_zone()),
        hide_index=True,
        key=key,
        on_select=chosen,
        selection_mode="single-row",
        column_config={
            "Trend": st.column_config.BarChartColumn(help="From the first message until now", y_min=0),
            "Cause": st.column_config.TextColumn(width="large"),
        },
        alt="Dead letters by pipe and cause",
    )
    st.caption("Select a row to filter by its pipe and cause, and to read and write notes on it.")


def _table(pipeline: Pipeline, cases: Sequence[Case]) -> None:
    shown = cases[:LISTED]
    ids = tuple(case.letter.message_id for case in shown)
    state.letters_selected = tuple(name for name in state.letters_selected if name in set(ids))
    # Rows move when messages come and go: another key for other rows, with the same messages selected.
    if ids != state.get("letters_drawn"):
        state.letters_drawn, state.letters_table = ids, state.get("letters_table", 0) + 1
        state.letters_default = [ids.index(name) for name in state.letters_selected]
    key = f"letters_table_{state.letters_table}"

    def selected() -> None:
        state.letters_selected = tuple(ids[row] for row in state[key]["selection"]["rows"] if row < len(ids))

    st.dataframe(
        tables.case_rows(shown, time.time(), _retention_s(pipeline), context.viewer_zone()),
        hide_index=True,
        key=key,
        on_select=selected,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": state.letters_default, "columns": [], "cells": []}},
        # Widths are taken from the first rows, which may be empty in these.
        column_config={
            "Cause": st.column_config.TextColumn(width="large"),
            "Pipe": st.column_config.TextColumn(width=105),
            "Event": st.column_config.TextColumn(width=80),
            "Location": st.column_config.TextColumn(width=120),
            "Standing": st.column_config.TextColumn(width=140),
        },
        alt="Messages of the dead-letter queue, oldest first",
    )
    words = f"The first {LISTED:,} of {len(cases):,} that match. " if len(cases) > LISTED else ""
    st.caption(f"{words}Select one row to read it, or several to act on them.")


def _retention_s(pipeline: Pipeline) -> int:
    return pipeline.queue_facts.last().value.retention_s


def _exports(cases: Sequence[Case]) -> None:
    with st.popover("Export", icon=":material/download:"):
        st.write(f"{formats.counted(len(cases), 'message')} that match, with what is known of each.")
        for words, make, ending, mime in (
            ("JSON lines", to_json_lines, "jsonl", "application/x-ndjson"),
            ("CSV", to_csv, "csv", "text/csv"),
        ):
            st.download_button(
                words,
                lambda make=make: make(cases),  # type: ignore[misc]
                file_name=f"dead-letters.{ending}",
                mime=mime,
                key=f"letters_{ending}",
                icon=":material/download:",
                on_click="ignore",
            )


def _nothing(pipeline: Pipeline, watched: Watched) -> None:
    """No letter was seen: because there is none, or because the last look did not see them."""
    known = pipeline.depth.last()
    depth = known.value
    if known.error is not None:
        # The depth above says how old it is; whether the queue is empty now nobody knows.
        return
    if depth.total:
        st.info(
            f"SQS counts {formats.counted(depth.total, 'message')} that the last look did not see. Those that somebody "
            "holds show again within a minute; another look is taken by itself.",
            icon=":material/hourglass:",
        )
    elif watched.problem is None:
        st.success("The queue is empty.", icon=":material/check_circle:")


def _live() -> None:
    if state.pop("letters_whole", False):
        # The click ran this part alone; filters and dialogs are the page's.
        st.rerun()
    with guarded():
        pipeline = context.pipeline()
        # A container of its own keeps the place of what follows, when there is no work to show yet.
        with st.container():
            work.show(pipeline)
        watched = pipeline.dead_letters.get()
        _counts(pipeline, watched)
        with st.expander("Depth and oldest age over time"):
            tables.depth(pipeline.dead_letters.samples(), context.viewer_zone())
            st.caption("Of this dashboard's process, every 10 s for six hours.")
        _how_seen(pipeline.dead_letters, watched)
        if not watched.cases:
            state.letters_selected = ()
            _nothing(pipeline, watched)
            return
        choice = _choice()
        _groups(groups(watched.cases, time.time()))
        if choice.kind:
            one.notes(pipeline, choice)
        st.subheader("Messages")
        cases = [case for case in watched.cases if choice.takes(case)]
        st.text(f"{len(cases):,} of {formats.counted(len(watched.cases), 'message')} match.")
        if not cases:
            return
        _table(pipeline, cases)
        selected = [case for case in cases if case.letter.message_id in state.letters_selected]
        with st.container(horizontal=True):
            if access.is_operator():
                acts.offer(selected or cases, bool(selected), watched)
            _exports(selected or cases)
        if not access.is_operator():
            st.info("Repair and deletion are for operators.", icon=":material/lock:")
        if len(selected) == 1 or len(cases) == 1:
            one.show((selected or cases)[0], _retention_s(pipeline))


st.title("Dead letters")
st.caption(f"Queue {names.QUEUE}")
st.write(_EXPLAINED)
with st.expander("What looking does to the messages"):
    st.write(_RECEIVES)
if "letters_error" in state:
    error_box(state.letters_error)
with guarded():
    _filters(context.pipeline().dead_letters.get())
part(run_every=3)(_live)()
acts.dialogs()
