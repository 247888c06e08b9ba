"""The way of many rows: how many have come where, and how long it took."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from components import formats
from services.tracking.batch_summary import BatchStep, BatchWay
from services.tracking.batches import TIMED
from services.tracking.propagation import LATE_S, PATIENCE_S


def show(way: BatchWay) -> None:
    """The steps as a table, and how many rows are late."""
    st.markdown("**The way of the rows**")
    st.dataframe(
        pd.DataFrame(
            {
                "Step": [step.words for step in way.steps],
                "Rows": [_count(step) for step in way.steps],
                "p50": [formats.milliseconds(step.usual.p50_ms) if step.usual else "–" for step in way.steps],
                "p95": [formats.milliseconds(step.usual.p95_ms) if step.usual else "–" for step in way.steps],
            }
        ),
        hide_index=True,
        key="batch_steps",
        alt="How many rows have come where, and how long it took",
    )
    st.caption(
        "Since the transaction of a row was sent, by this machine's clock. Rows that changed nothing have no way. "
        f"The cache's times are those of up to {2 * TIMED:,} rows that are looked at closely."
    )
    if way.problem:
        st.warning("A part of the way cannot be looked at now.", icon=":material/warning:")
        st.text(way.problem)
    if way.late:
        words = "did not arrive" if way.ended else "are late"
        st.warning(f"{formats.counted(way.late, 'row')} {words}", icon=":material/hourglass_bottom:")
        named = f"What is known of the first {len(way.named):,}" if len(way.named) < way.late else "What is known"
        since = f"within {PATIENCE_S / 60:g} minutes" if way.ended else f"after {LATE_S:g} s or more"
        st.text(f"{named}, {since}:")
    elif not way.ended:
        st.text(f"Looking for what is missing, for up to {PATIENCE_S / 60:g} minutes.")


def _count(step: BatchStep) -> str:
    if step.done == step.expected:
        return f"all {step.done:,}"
    return f"{step.done:,} of {step.expected:,}"
