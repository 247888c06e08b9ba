"""The findings of the lint as a table: a sign and words for the severity, grouped by resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from components import formats
from services.checks.finding import Finding, Severity
from services.checks.lint import CHECKS

_SIGNS = {
    Severity.LOSES: "✕",
    Severity.RISK: "▲",
    Severity.BLIND: "◐",
    Severity.NOTE: "·",
    Severity.UNCHECKED: "?",
}


def lint_table(found: Sequence[Finding]) -> None:
    """All findings, or that there is none; and in both cases what was checked."""
    if found:
        st.text(_summary(found))
        st.dataframe(
            pd.DataFrame(
                {
                    "Resource": [finding.resource for finding in found],
                    "Severity": [_word(finding.severity) for finding in found],
                    "Finding": [finding.what for finding in found],
                    "Why it matters": [finding.why for finding in found],
                    "What to do": [finding.advice for finding in found],
                }
            ),
            hide_index=True,
            height="content",
            row_height=76,
            column_config={
                "Resource": st.column_config.TextColumn(width=115),
                "Severity": st.column_config.TextColumn(width=115),
                "Finding": st.column_config.TextColumn(width=230),
                "Why it matters": st.column_config.TextColumn(width=320),
                "What to do": st.column_config.TextColumn(width=230),
            },
            key="lint_findings",
            alt="Findings about the stack's settings, grouped by resource",
        )
    else:
        st.success("Nothing found.", icon=":material/check_circle:")
    with st.expander(f"What is checked ({len(CHECKS)})", expanded=not found):
        st.text("\n".join(f"{number}. {check.title}" for number, check in enumerate(CHECKS, 1)))


def _word(severity: Severity) -> str:
    return f"{_SIGNS[severity]} {severity.value}"


def _summary(found: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in found)
    parts = [f"{counts[severity]} × {_word(severity)}" for severity in Severity if counts[severity]]
    return f"{formats.counted(len(found), 'finding')}: " + ", ".join(parts)
