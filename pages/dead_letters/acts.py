"""Dead letters, what operators may do: repair, publish again, save records, delete, purge. Each asks in a dialog first.

A click notes the act and the messages in the session; the page that is drawn next shows the dialog. The act itself is
in the callback of the dialog's button, which asks once more who it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from components import formats
from components.boxes import error_box
from core import names
from core.errors import DashboardError, InvalidInput
from pages.frame import access, context
from services.dead_letters.export import to_json_lines
from services.dead_letters.message import DeadLetter
from services.dead_letters.monitor import Watched
from services.dead_letters.orders import PER_SECOND, Order
from services.dead_letters.purge import purge
from services.dead_letters.repair import Handle, deleting, repairing
from services.dead_letters.repair_status import Case, plan
from services.dead_letters.republish import republishing

state = st.session_state

REPAIR, REPUBLISH, SAVE, DELETE, PURGE = "repair", "republish", "save", "delete", "purge"
#: What is gone when a dialog is closed.
_SHORT_LIVED = ("letters_act", "letters_cases", "letters_fresh", "letters_exported", "letters_dialog_error")


@dataclass(frozen=True)
class _Asked:
    """What a dialog is about: the act, and the letters that it is for."""

    act: str
    letters: tuple[DeadLetter, ...]
    complete: bool


def offer(cases: Sequence[Case], selected: bool, watched: Watched) -> None:
    """The buttons, for the selected letters or for all that match."""
    letters = tuple(case.letter for case in cases)
    what = f"{len(letters):,} selected" if selected else f"all {len(letters):,}"
    seen = tuple(case.letter for case in watched.cases)
    busy = context.pipeline().letter_works.running is not None
    for act, words, icon, about in (
        (REPAIR, f"Repair {what}", "build", letters),
        (REPUBLISH, "Publish again", "replay", letters),
        (SAVE, "Save records", "save", letters),
        (DELETE, f"Delete {what}", "delete", letters),
        (PURGE, "Purge the queue", "delete_forever", seen),
    ):
        st.button(
            words,
            type="primary" if act == REPAIR else "secondary",
            icon=f":material/{icon}:",
            key=f"letters_{act}",
            disabled=busy and act != SAVE,
            on_click=_ask,
            args=(_Asked(act, about, watched.look.complete),),
        )


def _ask(asked: _Asked) -> None:
    _close()
    state.pop("letters_error", None)
    state.letters_act = asked
    state.letters_whole = True


def _close() -> None:
    for name in _SHORT_LIVED:
        state.pop(name, None)


def dialogs() -> None:
    """The dialog that was asked for, if there is one."""
    asked: _Asked | None = state.get("letters_act")
    if asked is not None:
        _DIALOGS[asked.act](asked)


def _go_on() -> None:
    """A click in a dialog runs the dialog alone again; only a run of the whole page closes it."""
    if "letters_act" not in state:
        st.rerun()
    if "letters_dialog_error" in state:
        error_box(state.letters_dialog_error)


def _fresh(asked: _Asked) -> tuple[Case, ...]:
    """The cases with record and keys read now, once for the dialog. Raises DashboardError."""
    if "letters_fresh" not in state:
        with st.spinner("Reading records and both sides of every key"):
            state.letters_fresh = context.pipeline().casebook.cases(asked.letters)
    found: tuple[Case, ...] = state.letters_fresh
    return found


def _read(asked: _Asked) -> tuple[Case, ...] | None:
    try:
        return _fresh(asked)
    except DashboardError as error:
        error_box(error)
        return None


def _reason() -> None:
    st.text_input("Reason", key="letters_why", placeholder="Incident, ticket, or what happened", max_chars=500)


def _buttons(yes: str, do: Callable[[], None], *, disabled: bool = False) -> None:
    with st.container(horizontal=True):
        st.button(yes, type="primary", key="letters_yes", on_click=_tried, args=(do,), disabled=disabled)
        st.button("Leave it", key="letters_no", on_click=_close)


def _tried(do: Callable[[], None]) -> None:
    state.pop("letters_dialog_error", None)
    try:
        do()
    except DashboardError as error:
        state.letters_dialog_error = error
    else:
        _close()


def _start(act: str, cases: Sequence[Case], handle: Handle, per_second: float) -> None:
    someone = access.require_operator(act)
    pipeline = context.pipeline()
    order = Order(
        act,
        someone.name,
        (state.get("letters_why") or "").strip(),
        {case.letter.message_id: case.letter for case in cases},
        {case.letter.message_id: case.locations for case in cases},
        per_second,
    )
    pipeline.letter_works.start(context.runtime().jobs, order, handle)


@st.dialog("Repair", on_dismiss=_close)
def _repair(asked: _Asked) -> None:
    _go_on()
    cases = _read(asked)
    if cases is None:
        return
    planned = plan(cases)
    st.write(f"{formats.counted(planned.letters, 'message')}. {planned.words()}")
    st.caption("As it is now. Each key is read again from the table when its turn comes, and read back as proof.")
    if planned.without_key:
        st.warning(
            f"{formats.counted(planned.without_key, 'message')} of which nobody knows the key: left in the queue."
        )
    if planned.events_lost:
        st.caption(
            f"{formats.counted(planned.events_lost, 'topic event')} stay lost: a repair does not publish them again."
        )
    _reason()
    state.setdefault("letters_rate", int(PER_SECOND))
    st.number_input("At most so many messages a second", min_value=1, max_value=1_000, key="letters_rate")
    reconciler = context.pipeline().reconciler
    _buttons(
        "Repair them",
        lambda: _start("Repair dead letters", cases, repairing(reconciler), float(state.letters_rate)),
    )


@st.dialog("Publish again", on_dismiss=_close)
def _republish(asked: _Asked) -> None:
    _go_on()
    cases = _read(asked)
    if cases is None:
        return
    lost = [case for case in cases if case.event_lost and case.hydrated.records]
    st.write(
        f"{formats.counted(len(lost), 'message')} of topic-publish with a record that is still known. Subscribers get "
        "the event again, out of its order, with the member ReplayOf that says which change it was. The cache is not "
        "touched. The messages are deleted once their events are published."
    )
    if not lost:
        st.button("Close", key="letters_no", on_click=_close)
        return
    _reason()
    hydrated = {case.letter.message_id: case.hydrated for case in lost}
    cache = context.pipeline().cache
    _buttons("Publish them", lambda: _start("Publish dead letters again", lost, republishing(cache, hydrated), 50.0))


@st.dialog("Save records", on_dismiss=_close)
def _save(asked: _Asked) -> None:
    _go_on()
    cases = _read(asked)
    if cases is None:
        return
    found = {case.letter.message_id: case.hydrated for case in cases if case.hydrated.records}
    st.write(
        f"{formats.counted(len(found), 'message')} with a record that the stream still has. They go to the audit log, "
        "and are read back from there when the stream has forgotten them."
    )
    _reason()

    def save() -> None:
        someone = access.require_operator("Saving records of dead letters")
        context.pipeline().memory.save(someone.name, _given_reason(), found)

    _buttons("Save them", save, disabled=not found)


def _given_reason() -> str:
    why = (state.get("letters_why") or "").strip()
    if not why:
        raise InvalidInput("why", "A reason is needed: the audit log keeps it.", "Say why in a few words.")
    return why


def _exported() -> None:
    state.letters_exported = True


def _export_first(cases: Sequence[Case]) -> bool:
    """The download that comes before a deletion. Returns whether it was taken."""
    st.download_button(
        "Download them first",
        # Made now: a file that is made at the click is lost when the page runs again meanwhile.
        to_json_lines(cases),
        file_name="dead-letters.jsonl",
        mime="application/x-ndjson",
        key="letters_export_first",
        icon=":material/download:",
        on_click=_exported,
    )
    return bool(state.get("letters_exported"))


@st.dialog("Delete messages", on_dismiss=_close)
def _delete(asked: _Asked) -> None:
    _go_on()
    cases = _read(asked)
    if cases is None:
        return
    st.write(
        f"{formats.counted(len(cases), 'message')} will be deleted for good. Nothing is repaired: keys that are wrong "
        "stay wrong. The bodies are kept in the audit log."
    )
    done = _export_first(cases)
    _reason()
    _buttons("Delete them", lambda: _start("Delete dead letters", cases, deleting, 1_000.0), disabled=not done)


@st.dialog("Purge the queue", on_dismiss=_close)
def _purge(asked: _Asked) -> None:
    _go_on()
    st.write(
        "SQS deletes every message of the queue, those that nobody has looked at and those that arrive meanwhile too. "
        "It takes up to 60 s, and SQS allows one purge in 60 s. Nothing is repaired."
    )
    if not asked.complete:
        st.warning(f"Only the {len(asked.letters):,} messages that were looked at can be downloaded and kept.")
    done = _export_first(context.pipeline().casebook.unread(asked.letters))
    st.text_input(f"Type the queue's name: {names.QUEUE}", key="letters_typed")
    _reason()

    def do() -> None:
        someone = access.require_operator("Purging the dead-letter queue")
        pipeline = context.pipeline()
        purge(
            pipeline.queue,
            pipeline.audit,
            someone.name,
            _given_reason(),
            (state.get("letters_typed") or "").strip(),
            asked.letters,
        )
        pipeline.depth.forget()
        pipeline.dead_letters.ask()

    _buttons("Purge it", do, disabled=not done)


_DIALOGS = {REPAIR: _repair, REPUBLISH: _republish, SAVE: _save, DELETE: _delete, PURGE: _purge}
