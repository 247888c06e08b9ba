"""Dead letters: how many messages the queue holds, and what each one is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import guarded
from pages import context
from provision import names
from services.dead_letters import DeadLetter
from services.pipeline import PEEKED, Pipeline

_EXPLAINED = (
    "A dead letter of a DynamoDB pipe holds no record and no error: it points at the place in the stream where the "
    "record is, for as long as the stream keeps it (24 h). Looking changes nothing but the receive count."
)


def _counts(pipeline: Pipeline) -> None:
    depth = pipeline.depth.get().value
    with st.container(horizontal=True):
        st.metric("In the queue", formats.number(depth.total), border=True)
        st.metric("Visible", formats.number(depth.visible), border=True)
        st.metric("Held by a look or a repair", formats.number(depth.in_flight), border=True)
    st.caption("SQS's own approximate counts.")


def _rows(letters: Sequence[DeadLetter], where: tzinfo) -> pd.DataFrame:
    now = time.time()
    return pd.DataFrame(
        {
            "Sent": [formats.moment(letter.sent_at.timestamp(), where) for letter in letters],
            "Age": [formats.age(now - letter.sent_at.timestamp()) for letter in letters],
            "Pipe": [letter.pipe for letter in letters],
            "Condition": [letter.condition or letter.problem for letter in letters],
            "Records": [letter.batch_size for letter in letters],
            "First sequence number": [letter.first_sequence_number for letter in letters],
            "Receives": [letter.receive_count for letter in letters],
            "Message": [letter.message_id for letter in letters],
        }
    )


def _detail(letter: DeadLetter) -> None:
    st.subheader("The selected message")
    with st.container(border=True):
        if letter.problem:
            st.text(letter.problem)
        else:
            st.text(
                f"Pipe: {letter.pipe}\n"
                f"Condition: {letter.condition}\n"
                f"Failed at: {letter.failed_at}\n"
                f"Record arrived in the stream: {letter.arrived_at}\n"
                f"Shard: {letter.shard_id}\n"
                f"Sequence numbers: {letter.first_sequence_number} to {letter.last_sequence_number}\n"
                f"Stream: {letter.stream_arn}"
            )
        st.code(_pretty(letter.body), language=None, wrap_lines=True)


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


@st.fragment(run_every=5)
def _live() -> None:
    with guarded():
        pipeline = context.pipeline()
        _counts(pipeline)
        reading = pipeline.dead_letters.get()
        letters = reading.value.letters
        if not letters:
            st.success("The queue is empty.", icon=":material/check_circle:")
            return
        st.subheader("Messages")
        chosen = st.dataframe(
            _rows(letters, context.viewer_zone()),
            hide_index=True,
            key="dead_letters",
            on_select="rerun",
            selection_mode="single-row",
            alt="Messages of the dead-letter queue, oldest first",
        )
        st.caption(
            f"Looked {formats.ago(time.time() - reading.read_at)}, at most {PEEKED} messages. Select a row to read one."
        )
        selected = chosen.selection.rows
        if selected and selected[0] < len(letters):
            _detail(letters[selected[0]])


st.title("Dead letters")
st.caption(f"Queue {names.QUEUE}")
st.write(_EXPLAINED)
_live()
