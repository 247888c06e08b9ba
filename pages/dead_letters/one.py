"""Dead letters, one of them: decoded, its record, its cause, both sides of its keys, and the notes on its group."""

from __future__ import annotations

import json
import time

import streamlit as st

from components import execution_details, formats
from components.boxes import guarded
from components.log_tables import flow
from core.errors import DashboardError
from core.text import short
from pages.dead_letters import tables
from pages.frame import access, context
from services.app.pipeline import Pipeline
from services.dead_letters.failure_cause import Join
from services.dead_letters.groups import Choice
from services.dead_letters.message import DeadLetter
from services.dead_letters.repair_status import Case, Standing
from services.dead_letters.stream_records import Recovery
from services.logs import stages

state = st.session_state

#: Characters of a body, and records of a batch, that are shown; the export has all of them.
SHOWN_CHARACTERS = 60_000
SHOWN_RECORDS = 20
#: The deepest JSON that is laid out; deeper ones are shown as they came.
_DEEPEST = 100


def show(case: Case, retention_s: int) -> None:
    """Everything that is known of one letter."""
    st.subheader("The selected message")
    with st.container(border=True):
        st.text(f"{tables.SIGNS[case.standing]}\n{case.why}")
        if case.standing is Standing.UNKNOWN and case.letter.points_somewhere:
            st.write("Nobody can tell which key it is about. A check of the whole table finds any that is wrong.")
            st.page_link(
                "lookup/page.py",
                label="Check the whole table",
                icon=":material/rule:",
                query_params={"tab": "Agreement"},
            )
        _decoded(case.letter, retention_s)
        _cause(case)
        _record(case)
        if case.keys:
            st.markdown("**Where things stand now**")
            tables.sides(case.keys)
            with st.container(horizontal=True):
                st.page_link(
                    "lookup/page.py",
                    label="Look at both sides",
                    icon=":material/search:",
                    query_params={"location": case.keys[0].location},
                )
        st.markdown("**Message as it came**")
        st.code(_pretty(case.letter.body)[:SHOWN_CHARACTERS], language=None, wrap_lines=True, height=240)
        if len(case.letter.body) > SHOWN_CHARACTERS:
            st.caption(f"The first {SHOWN_CHARACTERS:,} characters; the export has all of them.")


def _decoded(letter: DeadLetter, retention_s: int) -> None:
    where, sent = context.viewer_zone(), letter.sent_at.timestamp()
    lines = [
        f"Message: {letter.message_id}",
        f"Sent: {formats.moment(sent, where)}, {formats.ago(time.time() - sent)}",
        f"SQS keeps it until: {formats.moment(sent + retention_s, where)}",
        f"Receives: {letter.receive_count:,}",
    ]
    if letter.problem:
        lines.append(letter.problem)
    else:
        forgotten = letter.forgotten_at
        left = forgotten.timestamp() - time.time() if forgotten else 0.0
        lines += [
            f"Pipe: {letter.pipe}",
            f"Condition: {letter.condition}",
            f"Failed at: {letter.failed_at}",
            f"Record arrived in the stream: {letter.arrived_at}",
            f"Stream forgets it in: {formats.age(left) if left > 0 else 'it may have forgotten it already'}",
            f"Records in the batch: {letter.batch_size}",
            f"Shard: {letter.shard_id}",
            f"Sequence numbers: {letter.first_sequence_number} to {letter.last_sequence_number}",
            f"Stream: {letter.stream_arn}",
        ]
    st.text("\n".join(short(line, tables.CELL) for line in lines))


def _cause(case: Case) -> None:
    cause = case.cause
    st.markdown("**Cause**")
    if cause.join in (Join.NOT_FOUND, Join.NOT_READ):
        st.text(_no_log(case))
        return
    stage = f" in the {cause.stage}" if cause.stage else ""
    st.text(f"Failed{stage}. Found {cause.join.value}.")
    if cause.error or cause.status is not None:
        error = short(cause.error, execution_details.SHOWN_CHARACTERS)
        st.code(f"HTTP {cause.status}\n{error}" if cause.status else error, language=None, wrap_lines=True)
    with guarded():
        records = context.pipeline().log.last().value.store.records_of(cause.execution_id)
        with st.expander("Request and answer"):
            for title, data in (
                ("Request", stages.request(records)),
                ("Answer", stages.response(records)),
            ):
                st.markdown(f"**{title}**")
                if data.absence:
                    st.text(data.absence)
                else:
                    st.code(data.text[: execution_details.SHOWN_CHARACTERS], language=None, wrap_lines=True)
    st.page_link(
        "logs/page.py",
        label="The execution",
        icon=":material/list_alt:",
        query_params={"execution": cause.execution_id},
    )


def _no_log(case: Case) -> str:
    if case.letter.problem:
        return "No log found: the message does not say which pipe it is of."
    try:
        complete_from = context.pipeline().log.last().value.state.complete_from_ms / 1000
    except DashboardError as error:
        return f"No log found: {error}"
    since = formats.moment(complete_from, context.viewer_zone())
    return (
        f"No log found. The log is known from {since} on; the failure may be older, or the pipe's log may have lost it."
    )


def _record(case: Case) -> None:
    found = case.hydrated
    st.markdown("**Record in the stream**")
    if not found.records:
        st.text(f"{found.recovery.value.capitalize()}. {found.problem}".strip())
        return
    if found.recovery is not Recovery.FOUND:
        st.text(f"{found.recovery.value.capitalize()}.")
    for record in found.records[:SHOWN_RECORDS]:
        st.text(f"{record.event_name} {record.location} ({record.sequence_number})")
        tables.diff(record)
    if len(found.records) > SHOWN_RECORDS:
        st.caption(f"The first {SHOWN_RECORDS} of {len(found.records):,} records of the batch.")


def _pretty(body: str) -> str:
    try:
        content = json.loads(body)
        return body if _deeper(content, _DEEPEST) else json.dumps(content, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _deeper(content: object, levels: int) -> bool:
    """Whether JSON is nested deeper than so many levels."""
    if not isinstance(content, dict | list):
        return False
    inner = content.values() if isinstance(content, dict) else content
    return levels == 0 or any(_deeper(each, levels - 1) for each in inner)


def notes(pipeline: Pipeline, choice: Choice) -> None:
    """The notes on the group that is chosen, and for operators a field for another."""
    if not choice.pipe and not choice.kind:
        return
    key = f"{choice.pipe} · {choice.kind}"
    kept = pipeline.memory.kept()
    with st.container(border=True):
        st.markdown("**Notes on this pipe and cause**")
        st.text(f"{flow(choice.pipe) or 'Every pipe'}: {choice.kind}")
        if kept.problem:
            st.text(f"The notes cannot be read: {kept.problem}")
        for note in kept.notes.get(key, ()):
            st.text(f"{formats.moment(note.at, context.viewer_zone())}, {note.who}: {note.text}")
        if access.is_operator():
            with st.form("letters_note_form", border=False, clear_on_submit=True):
                st.text_area("Note", key="letters_note", height=80)
                st.form_submit_button("Add the note", on_click=_add_note, args=(key,))
        if "letters_note_error" in state:
            st.text(str(state.letters_note_error))


def _add_note(key: str) -> None:
    state.pop("letters_note_error", None)
    try:
        someone = access.require_operator("Writing a note")
        context.pipeline().memory.note(someone.name, key, state.letters_note)
    except DashboardError as error:
        state.letters_note_error = error
