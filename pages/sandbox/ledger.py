"""The ledger on screen: one row per pipe, a sign whether it balances, and the records that it misses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from components import formats

_COLUMNS = {
    "name": "Pipe",
    "written": "Written",
    "delivered": "Delivered",
    "dead_lettered": "Dead-lettered",
    "filtered": "Filtered",
    "in_flight": "In flight",
    "dropped": "Dropped",
    "difference": "Unaccounted",
    "duplicates": "Duplicates",
}


def ledger_table(ledger: Mapping[str, Any]) -> None:
    """The ledger as the admin port gives it. A pipe that cannot be observed has no numbers."""
    _sign(ledger)
    rows = pd.DataFrame(
        [{**{column: pipe[column] for column in _COLUMNS}, "balance": _word(pipe)} for pipe in ledger["pipes"]]
    )
    st.dataframe(
        rows,
        hide_index=True,
        key="sandbox_ledger",
        column_config={**_COLUMNS, "balance": st.column_config.TextColumn("Balance", pinned=True)},
        column_order=("name", "balance", *tuple(_COLUMNS)[1:]),
        alt="Ledger: what became of every record, per pipe",
    )
    st.caption(
        "Seen from outside: the stream, Momento's answers and the messages that SQS or SNS accepted. "
        "Written = delivered + dead-lettered + filtered + in flight + dropped. "
        "Duplicates are deliveries that came more than once; they are counted apart."
    )
    _unaccounted(ledger)


def _sign(ledger: Mapping[str, Any]) -> None:
    if ledger["balanced"]:
        moving = sum(pipe["in_flight"] or 0 for pipe in ledger["pipes"])
        words = f"Balanced, with {formats.counted(moving, 'record')} in flight" if moving else "Balanced"
        st.success(words, icon=":material/check_circle:")
        return
    missing = sum(pipe["difference"] or 0 for pipe in ledger["pipes"])
    reasons = []
    if missing:
        reasons.append(f"{formats.counted(missing, 'record')} unaccounted")
    if ledger["unexplained"]:
        reasons.append(f"{formats.counted(ledger['unexplained'], 'request')} of no known record")
    if ledger["missed"]:
        reasons.append(f"{formats.counted(ledger['missed'], 'request')} not noted, because nobody looked for too long")
    st.error("Not balanced: " + ", ".join(reasons), icon=":material/error:")


def _word(pipe: Mapping[str, Any]) -> str:
    if pipe["balanced"] is None:
        return "not observed"
    return "balanced" if pipe["balanced"] else "not balanced"


def _unaccounted(ledger: Mapping[str, Any]) -> None:
    for pipe in ledger["pipes"]:
        if pipe["not_observed"]:
            st.text(f"{pipe['name']} is not observed. {pipe['not_observed']}")
    missing = [{"pipe": pipe["name"], **record} for pipe in ledger["pipes"] for record in pipe["unaccounted"]]
    if missing:
        st.dataframe(
            pd.DataFrame(missing),
            hide_index=True,
            column_config={"pipe": "Pipe", "event_name": "Event", "key": "Key", "sequence": "Sequence number"},
            alt="Records that are unaccounted",
        )
