"""Findings of an agreement check as CSV that a spreadsheet shows as text and never runs. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from core.spreadsheets import harmless
from services.cache.agreement import texts
from services.lookup.table_check import Finding

HEADER = ("location", "standing", "certain", "reason", "table", "cache")


def table_text(finding: Finding) -> str:
    """The table's side as JSON, "" when it has no such record."""
    return "" if finding.item is None else json.dumps(texts(finding.item), ensure_ascii=False)


def cache_text(finding: Finding) -> str:
    """The cache's side as text, "" when it has no such key."""
    return "" if finding.cached is None else finding.cached.decode("utf-8", "backslashreplace")


def findings_csv(findings: Iterable[Finding]) -> str:
    """The findings, one a line after the header."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for finding in findings:
        judgement = finding.judgement
        row = (
            finding.location,
            judgement.standing.value,
            "yes" if judgement.certain else "no",
            judgement.reason,
            table_text(finding),
            cache_text(finding),
        )
        writer.writerow([harmless(cell) for cell in row])
    return out.getvalue()
