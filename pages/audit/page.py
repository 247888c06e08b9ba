"""Audit: who changed what, when, why, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import guarded
from components.freshness import latest
from components.parts import part
from pages.frame import context
from services.audit.acts import Acted, ActState, acts, to_csv, to_json_lines

state = st.session_state

_HOUR_S = 3_600.0
#: Window in words -> seconds.
WINDOWS = {"1 h": _HOUR_S, "24 h": 24 * _HOUR_S, "7 d": 168 * _HOUR_S, "30 d": 720 * _HOUR_S}
#: Acts that the table shows, and lines of one act; the files have all.
LISTED = 500
LISTED_LINES = 500
_SIGNS = {ActState.ENDED: "✓ ended", ActState.RUNNING: "… no outcome yet", ActState.CUT_OFF: "✕ cut off"}
_EXPLAINED = (
    "Work on dead letters, records written and deleted, keys filled and made right on Lookup, load tests, and starts "
    "and stops of pipes and of the canary are written down before they begin, and again when they have ended. Entries "
    "are only ever added. An act without an outcome was cut off, or still runs. Changes on the page Sandbox are not "
    "here: some of them keep this log from being written."
)


def _filters() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Window", list(WINDOWS), index=1, key="since", bind="query-params", width=110)
        st.selectbox(
            "State",
            [each.value for each in ActState],
            index=None,
            key="state",
            bind="query-params",
            placeholder="All",
            width=260,
        )
        st.text_input(
            "Text",
            key="text",
            bind="query-params",
            placeholder="Who, why, a key, a message",
            width=260,
        )
        st.button("Clear", icon=":material/filter_alt_off:", key="audit_clear", on_click=_clear)


def _clear() -> None:
    state["state"], state["text"] = None, ""


def _matching(found: Sequence[Acted]) -> list[Acted]:
    wanted, text = state.get("state"), (state.get("text") or "").strip()
    return [act for act in found if wanted in (None, act.state.value) and (not text or act.has_text(text))]


def _rows(found: Sequence[Acted], where: tzinfo) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Began": [formats.moment(act.started_at, where) for act in found],
            "Who": [act.who for act in found],
            "Act": [act.act for act in found],
            "Reason": [act.why for act in found],
            "State": [_SIGNS[act.state] for act in found],
            "Outcome": [act.outcome for act in found],
            "Took": [
                formats.milliseconds((act.ended_at - act.started_at) * 1000) if act.ended_at else "–" for act in found
            ],
            "Act id": [act.act_id for act in found],
        }
    )


def _table(found: Sequence[Acted]) -> None:
    shown = found[:LISTED]
    chosen = st.dataframe(
        _rows(shown, context.viewer_zone()),
        hide_index=True,
        # Other rows, other table: a row must not stay selected while another act takes its place.
        key=f"audit_acts_{shown[0].act_id}_{len(shown)}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={"Outcome": st.column_config.TextColumn(width="large")},
        alt="Acts, newest first",
    )
    more = f"The first {LISTED:,} of {len(found):,}. " if len(found) > LISTED else ""
    st.caption(f"{more}Select a row to see what the act was about.")
    rows = chosen.selection.rows
    if rows and rows[0] < len(shown):
        _one(shown[rows[0]])


def _one(act: Acted) -> None:
    where = context.viewer_zone()
    st.subheader("The selected act")
    with st.container(border=True):
        ended = formats.moment(act.ended_at, where) if act.ended_at else act.state.value
        st.text(
            f"Act: {act.act}\nWho: {act.who}\nReason: {act.why or 'none was given'}\n"
            f"Began: {formats.moment(act.started_at, where)}\nEnded: {ended}\nOutcome: {act.outcome or 'none'}\n"
            f"Id: {act.act_id}"
        )
        st.json(dict(act.summary), expanded=1)
        lines = act.lines
        if not lines:
            return
        st.text(f"{formats.counted(len(lines), 'line')}: what it was about, and what became of it.")
        texts = [{name: _text(value) for name, value in line.items()} for line in lines[:LISTED_LINES]]
        st.dataframe(
            pd.DataFrame(texts).fillna(""), hide_index=True, key=f"audit_lines_{act.act_id}", alt="What the act lists"
        )
        if len(lines) > LISTED_LINES:
            st.caption(f"The first {LISTED_LINES:,}; the JSON lines have all {len(lines):,}.")


def _text(value: object) -> str:
    """A value of a line as the text of a cell."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:2_000]


def _exports(found: Sequence[Acted]) -> None:
    with st.popover("Export", icon=":material/download:"):
        st.write(f"{formats.counted(len(found), 'act')} that match.")
        st.download_button(
            "JSON lines, with all that each lists",
            lambda: to_json_lines(found),
            file_name="audit.jsonl",
            mime="application/x-ndjson",
            key="audit_jsonl",
            on_click="ignore",
        )
        st.download_button(
            "CSV", lambda: to_csv(found), file_name="audit.csv", mime="text/csv", key="audit_csv", on_click="ignore"
        )


@part(run_every=10)
def _live() -> None:
    with guarded():
        log = latest(context.pipeline().audit_entries(WINDOWS[state.get("since") or "24 h"]))
        if not log.complete:
            st.warning(f"The window has more entries than the newest {len(log.entries):,}, which are shown.")
        found = acts(log.entries, time.time())
        matching = _matching(found)
        st.text(
            f"{len(matching):,} of {formats.counted(len(found), 'act')} match." if found else "No act in this window."
        )
        if matching:
            _exports(matching)
            _table(matching)


st.title("Audit")
with guarded():
    st.caption(f"Log group {context.pipeline().audit.group}")
st.write(_EXPLAINED)
_filters()
_live()
