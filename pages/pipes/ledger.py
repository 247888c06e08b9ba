"""The ledger of each pipe on screen: what became of the writes of a window, and what is not accounted for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from services.pipes.ledger import Row

_COLUMNS = {
    "pipe": "Pipe",
    "written": "Written",
    "delivered": "Delivered",
    "given_up": "Dead-lettered",
    "filtered": "Filtered",
    "in_flight": "In flight",
    "untold": "Cannot be told",
    "difference": "Difference",
    "duplicates": "Duplicates",
}
#: Why the ledger may differ.
_WHY = (
    "The log does not say what became of them, and the pipe went on behind them. The log may have lost or cut off a "
    "record, or the pipe skipped them: after a start it may go on at the newest change."
)


def pipe_ledger(rows: dict[str, Row]) -> None:
    """One row per flow, and why one does not balance."""
    missing = sum(row.difference for row in rows.values())
    if missing:
        st.warning(f"Not balanced: a difference of {missing:,}", icon=":material/balance:")
        st.text(_WHY)
    else:
        moving = sum(row.in_flight for row in rows.values())
        st.success(f"Balanced, {moving:,} in flight", icon=":material/balance:")
    told = any(row.untold for row in rows.values())
    shown = [name for name in _COLUMNS if told or name != "untold"]
    st.dataframe(
        pd.DataFrame(
            [
                {"pipe": flow, **{name: getattr(row, name) for name in shown if name != "pipe"}}
                for flow, row in rows.items()
            ]
        ),
        hide_index=True,
        key="pipe_ledger",
        column_config={name: _COLUMNS[name] for name in shown},
        alt="Ledger: what became of each write, per pipe",
    )
    st.caption(
        "Written = delivered + dead-lettered + filtered + in flight + difference. Written is what the table's stream "
        "shows; the rest is what the pipes' logs say. Dead-lettered are those given up after their attempts. "
        "Duplicates are deliveries that came again; they are counted apart."
    )
