"""Tables and the chart of the page Dead letters. All text from outside stands in cells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from components import charts, formats
from components.log_tables import flow
from services.dead_letters.groups import Group
from services.dead_letters.monitor import Sample
from services.dead_letters.repair_status import Case, KeyState, Standing
from services.dead_letters.results import Result
from services.dead_letters.stream_records import StreamRecord, image_changes

#: Characters of a cell.
CELL = 300
SIGNS = {
    Standing.ALREADY_RIGHT: "✓ already right",
    Standing.REPAIRABLE: "→ repairable",
    Standing.NEEDS_ATTENTION: "✕ needs attention",
    Standing.UNKNOWN: "? unknown",
    Standing.NOT_READ: "… not read yet",
}


def case_rows(cases: Sequence[Case], now: float, retention_s: int, where: tzinfo) -> pd.DataFrame:
    """A row for each case."""
    return pd.DataFrame(
        {
            "Sent": [formats.moment(case.letter.sent_at.timestamp(), where) for case in cases],
            "Age": [formats.age(now - case.letter.sent_at.timestamp()) for case in cases],
            "Pipe": [flow(case.letter.pipe)[:CELL] for case in cases],
            "Event": [", ".join(case.event_names) for case in cases],
            "Location": [", ".join(case.locations)[:CELL] for case in cases],
            "Standing": [SIGNS[case.standing] for case in cases],
            "Cause": [(case.letter.problem or case.cause.words)[:CELL] for case in cases],
            "Stream forgets in": [forgets_in(case, now) for case in cases],
            "SQS keeps until": [_kept_until(case, retention_s, where) for case in cases],
            "Condition": [case.letter.condition[:CELL] for case in cases],
            "Records": [case.letter.batch_size for case in cases],
            "Receives": [case.letter.receive_count for case in cases],
            "First sequence number": [case.letter.first_sequence_number[:CELL] for case in cases],
            "Message": [case.letter.message_id for case in cases],
        }
    )


def forgets_in(case: Case, now: float) -> str:
    """How long the stream keeps the first record that the letter points at, in words."""
    at = case.letter.forgotten_at
    if at is None:
        return "unknown"
    left = at.timestamp() - now
    return formats.age(left) if left >= 1 else "over"


def _kept_until(case: Case, retention_s: int, where: tzinfo) -> str:
    return formats.moment(case.letter.sent_at.timestamp() + retention_s, where) if retention_s else "unknown"


def group_rows(groups: Sequence[Group], where: tzinfo) -> pd.DataFrame:
    """A row for each group."""
    return pd.DataFrame(
        {
            "Messages": [group.count for group in groups],
            "Pipe": [flow(group.pipe)[:CELL] or "none of ours" for group in groups],
            "Cause": [group.kind for group in groups],
            "Trend": [list(group.trend) for group in groups],
            "First": [formats.moment(group.first, where) for group in groups],
            "Last": [formats.moment(group.last, where) for group in groups],
            "Standing": [_standings(group) for group in groups],
        }
    )


def _standings(group: Group) -> str:
    return ", ".join(f"{group.standings[each]:,} {each.value}" for each in Standing if group.standings.get(each))


def diff(record: StreamRecord) -> None:
    """The old and the new image of a record side by side."""
    changes = image_changes(record)
    st.dataframe(
        pd.DataFrame(
            {
                "Attribute": [change.attribute for change in changes],
                "Before": [change.old for change in changes],
                "After": [change.new for change in changes],
                "Changed": ["changed" if change.changed else "" for change in changes],
            }
        ),
        hide_index=True,
        key=f"letter_diff_{record.sequence_number}",
        alt="The record before and after the change",
    )


def sides(keys: Sequence[KeyState]) -> None:
    """Table and cache of each key, and what would bring the cache to the table."""
    st.dataframe(
        pd.DataFrame(
            {
                "Location": [key.location for key in keys],
                "Table now": [_item(key) for key in keys],
                "Cache now": [_cached(key) for key in keys],
                "To do": [key.problem or key.step.value for key in keys],
            }
        ),
        hide_index=True,
        key="letter_sides",
        alt="Table and cache of each key now",
    )


def _item(key: KeyState) -> str:
    return "absent" if key.item is None else ", ".join(f"{name} {text}" for name, text in sorted(key.item.items()))


def _cached(key: KeyState) -> str:
    return "absent" if key.cached is None else key.cached[:2_000].decode("utf-8", "backslashreplace")


def results(found: Sequence[Result]) -> None:
    """What became of each message."""
    st.dataframe(
        pd.DataFrame(
            {
                "Result": [each.fate.value for each in found],
                "Location": [", ".join(each.locations)[:CELL] for each in found],
                "Why": [each.why for each in found],
                "Message": [each.message_id for each in found],
            }
        ),
        hide_index=True,
        key="letters_results",
        alt="What became of each message",
    )


def depth(samples: Sequence[Sample], where: tzinfo) -> None:
    """Messages in the queue, and the age of the oldest one seen, over time."""
    step = -(-len(samples) // charts.MAX_POINTS) or 1
    kept = samples[::step]
    totals = [(sample.at, float(sample.total)) for sample in kept]
    charts.draw(_frame(totals, where), _line("Messages"), "letters_depth", "Messages in the queue over time")
    # Nobody has looked yet where there are messages and no oldest one: that is not an age of 0.
    ages = [
        (sample.at, (sample.at - sample.oldest_sent_at) / 60 if sample.oldest_sent_at else 0.0)
        for sample in kept
        if sample.oldest_sent_at or not sample.total
    ]
    charts.draw(_frame(ages, where), _line("Oldest, minutes"), "letters_oldest", "Age of the oldest message over time")


def _frame(rows: Sequence[tuple[float, float]], where: tzinfo) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["time", "value"])
    frame["time"] = charts.moments([at for at, _ in rows], where)
    return frame


@cache
def _line(title: str) -> dict[str, Any]:
    chart = (
        alt.Chart(alt.Undefined)
        .mark_area(line=True, opacity=0.25, interpolate="step-after")
        .encode(
            x=alt.X("time:T", title=None, axis=alt.Axis(format="%H:%M:%S", labelOverlap=True)),
            y=alt.Y("value:Q", title=title),
            tooltip=[
                alt.Tooltip("value:Q", title=title, format=",.1f"),
                alt.Tooltip("time:T", title="Time", format="%H:%M:%S"),
            ],
        )
    )
    return charts.spec(chart.properties(height=130))
