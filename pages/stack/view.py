"""A stack on screen: its resources as a table, what differs, what people paste elsewhere, and what they run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from services.stack.report import Command, Part, StackReport, Standing

_SIGNS = {
    Standing.AS_DECLARED: "✓",
    Standing.PASSING: "…",
    Standing.DIFFERS: "▲",
    Standing.MISSING: "✕",
    Standing.SOMEBODYS: "✕",
    Standing.UNREADABLE: "?",
    Standing.EXTRA: "+",
}

#: A line of code that is narrower than this is hard to read.
_CELL_PX = 420


def verdict(report: StackReport) -> None:
    """The whole stack in one line."""
    if report.as_declared:
        st.success(report.summary(), icon=":material/check_circle:")
    elif report.count(Standing.MISSING) or report.count(Standing.SOMEBODYS):
        st.error(report.summary(), icon=":material/error:")
    else:
        st.warning(report.summary(), icon=":material/warning:")


def parts_table(parts: Sequence[Part]) -> None:
    """Every resource, each after those that it needs. AWS's reasons have a column when there are any."""
    reasons = {"Reason": [part.reason or "–" for part in parts]} if any(part.reason for part in parts) else {}
    st.dataframe(
        pd.DataFrame(
            {
                "Compared": [_word(part.standing) for part in parts],
                "Kind": [part.kind for part in parts],
                "Name": [part.name for part in parts],
                "State": [part.state or "–" for part in parts],
                **reasons,
                "ARN": [part.arn or "–" for part in parts],
            }
        ),
        hide_index=True,
        height="content",
        column_config={
            "Compared": st.column_config.TextColumn(width=145),
            "Kind": st.column_config.TextColumn(width=115),
            "Name": st.column_config.TextColumn(width=400),
            "State": st.column_config.TextColumn(width=130),
            "Reason": st.column_config.TextColumn(width=260),
        },
        key="stack_parts",
        alt="Resources of the stack, each after those that it needs",
    )


def drift(report: StackReport) -> None:
    """What differs, resource by resource: path, declared, observed. And what could not be compared."""
    if report.absent:
        st.text("Nothing of the stack is there to be compared. The command up, further down, makes it.")
        return
    if report.as_declared and not any(part.notes for part in report.parts):
        st.text(f"Every attribute is as the profile {report.profile} declares it.")
        return
    for part in report.parts:
        if part.standing is not Standing.AS_DECLARED or part.notes:
            with st.container(border=True, gap="small"):
                _drift_of(part)


def _drift_of(part: Part) -> None:
    st.text(f"{_word(part.standing)}: {part.kind} {part.name}")
    if part.differences:
        lines = [f"{each.path}: {each.declared or '(none)'} → {each.observed or '(none)'}" for each in part.differences]
        st.code("\n".join(lines), language=None, wrap_lines=True)
    for note in part.notes:
        st.text(note)


def outputs(report: StackReport) -> None:
    """Names, ARNs and the endpoint, each to be copied with one click."""
    found = report.outputs()
    if not found:
        st.text("Nothing of the stack is there.")
    cells = st.grid(2, min_column_width=_CELL_PX)
    for each in found:
        with cells.cell():
            st.caption(each.label)
            for value in each.values:
                st.code(value, language=None)


def command_list(offered: Sequence[Command]) -> None:
    """What people run in a terminal, each line to be copied with one click, and what it does."""
    cells = st.grid(2, min_column_width=_CELL_PX)
    for command in offered:
        with cells.cell():
            st.text(command.does)
            st.code(command.line, language=None, wrap_lines=True)


def _word(standing: Standing) -> str:
    return f"{_SIGNS[standing]} {standing.value}"
