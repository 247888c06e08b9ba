"""One execution of a pipe: what it was, its stages over time, what went in and out, and its records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from components import formats
from services.logs import export, stages
from services.logs.executions import Execution, LogRecord, Outcome
from services.logs.stages import Data, Stage

SIGNS = {
    Outcome.SUCCEEDED: "✓ succeeded",
    Outcome.FAILED: "✕ failed",
    Outcome.RUNNING: "… running",
    Outcome.HOLDING: "… holding",
}
#: Stages that are drawn, and characters of raw records that are shown; the download has all of them.
DRAWN = 100
SHOWN_CHARACTERS = 60_000

_FROM = {"field": "from_ms", "type": "quantitative", "title": "Milliseconds since the start"}
_TIMELINE: dict[str, Any] = {
    "encoding": {
        "y": {"field": "stage", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 180}},
        "color": {
            "field": "result",
            "type": "nominal",
            "title": None,
            "scale": {"domain": ["went well", "failed", "not over"], "range": ["#0d9488", "#ef4444", "#94a3b8"]},
            "legend": {"orient": "bottom"},
        },
        "tooltip": [
            {"field": "stage", "title": "Stage"},
            {"field": "result", "title": "Result"},
            {"field": "from_ms", "title": "From, ms"},
            {"field": "to_ms", "title": "To, ms"},
        ],
    },
    "layer": [
        {"mark": {"type": "bar", "height": 12}, "encoding": {"x": _FROM, "x2": {"field": "to_ms"}}},
        # The end of each, which is all that there is of a stage whose beginning is not in the log.
        {"mark": {"type": "tick", "thickness": 4, "height": 16}, "encoding": {"x": {**_FROM, "field": "to_ms"}}},
    ],
}


def facts(one: Execution, where: tzinfo) -> None:
    """What it was and how it stands."""
    lines = [
        f"Pipe: {one.pipe}",
        f"Outcome: {SIGNS[one.outcome]}",
        f"Event: {one.event_name or 'unknown'}",
        f"Location: {one.location or 'unknown'}",
        f"Sequence number: {one.sequence_number or 'unknown'}",
    ]
    if one.batch > 1:
        lines.append(f"Batch: {one.batch:,} stream records; the above is the first")
    lines += [
        f"Started: {formats.moment(one.started_ms / 1000, where)}",
        f"Took: {formats.milliseconds(one.duration_ms)}",
        f"Failed calls: {one.attempts:,}",
        f"Execution: {one.execution_id}",
    ]
    st.text("\n".join(lines))
    if one.error:
        st.subheader("Error")
        st.code(f"HTTP {one.status}\n{one.error}" if one.status else one.error, language=None, wrap_lines=True)


def timeline(records: Sequence[LogRecord]) -> None:
    """The stages as bars over time, and as a table."""
    found = stages.stages(records)[:DRAWN]
    if not found:
        st.write("The log tells of no stage.")
        return
    begin = min(time for stage in found for time in (stage.started_ms, stage.ended_ms) if time is not None)
    rows = [_row(stage, begin, max(record.time_ms for record in records)) for stage in found]
    st.vega_lite_chart(
        pd.DataFrame(rows, columns=["stage", "from_ms", "to_ms", "result"]),
        _TIMELINE,
        key="execution_timeline",
        width="stretch",
        alt="Stages of the execution in milliseconds since its start",
    )
    st.dataframe(
        pd.DataFrame(
            {
                "Stage": [stage.name for stage in found],
                "Began after": [_after(stage.started_ms, begin) for stage in found],
                "Took": [formats.milliseconds(stage.duration_ms) for stage in found],
                "Result": [stage.result or "not over, as far as the log tells" for stage in found],
            }
        ),
        hide_index=True,
        key="execution_stages",
        alt="Stages of the execution",
    )


def _row(stage: Stage, begin: int, end: int) -> tuple[str, int, int, str]:
    last = stage.ended_ms if stage.ended_ms is not None else end
    first = stage.started_ms if stage.started_ms is not None else last
    if not stage.result:
        result = "not over"
    else:
        result = "went well" if stage.result in ("Succeeded", "Skipped") else "failed"
    return stage.name, first - begin, last - begin, result


def _after(moment_ms: int | None, begin_ms: int) -> str:
    return "not told" if moment_ms is None else f"{moment_ms - begin_ms:,} ms"


def data(records: Sequence[LogRecord]) -> None:
    """Payload, what was sent, request and answer; JSON as JSON, what was cut as text."""
    for title, field in (
        ("Payload", stages.payload(records)),
        ("After the input template", stages.sent(records)),
        ("Request", stages.request(records)),
        ("Answer", stages.response(records)),
    ):
        st.subheader(title)
        _field(field)


def _field(field: Data) -> None:
    if field.absence:
        st.write(field.absence)
        return
    if field.truncated:
        st.badge("Truncated by Pipes", icon=":material/content_cut:", color="orange")
    try:
        content = json.loads(field.text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict | list) and not field.truncated:
        st.json(content, expanded=2)
    else:
        st.code(field.text[:SHOWN_CHARACTERS], language=None, wrap_lines=True, height=240)


def raw(one: Execution, records: Sequence[LogRecord]) -> None:
    """The records as they came, as far as a page takes them, and all of them as a file."""
    text = export.records_jsonl(records)
    if len(text) > SHOWN_CHARACTERS:
        st.caption(f"The first {SHOWN_CHARACTERS:,} of {len(text):,} characters; the file has all of them.")
    st.code(text[:SHOWN_CHARACTERS], language=None, wrap_lines=True, height=300)
    st.download_button(
        "Download these records",
        text.encode("utf-8", "replace"),
        file_name=f"execution-{one.execution_id[:8]}.jsonl" if one.execution_id[:8].isalnum() else "execution.jsonl",
        mime="application/x-ndjson",
        icon=":material/download:",
        on_click="ignore",
        key="execution_download",
    )
