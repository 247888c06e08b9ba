"""Findings as CSV: every side as text, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from services.cache.agreement import Judgement, Standing
from services.lookup.check_csv import HEADER, findings_csv
from services.lookup.table_check import Finding, plan

ITEM = {"Location": {"S": "Oslo"}, "MaxTemp": {"N": "70"}, "TTL": {"N": "600"}}


def finding(
    location: str, item: object = None, cached: bytes | None = None, standing: Standing = Standing.STALE
) -> Finding:
    return Finding(location, Judgement(standing, "The reason, with a comma.", certain=False), item, cached)  # type: ignore[arg-type]


def rows(*findings: Finding) -> list[list[str]]:
    return list(csv.reader(io.StringIO(findings_csv(findings))))


def test_a_finding_is_a_row_with_both_sides() -> None:
    (header, row) = rows(finding("Oslo", ITEM, b'{"MaxTemp": "71"}\xff'))

    assert tuple(header) == HEADER
    assert row[:4] == ["Oslo", "stale", "no", "The reason, with a comma."]
    assert '"MaxTemp": "70"' in row[4]
    assert row[5] == '{"MaxTemp": "71"}\\xff'


@pytest.mark.parametrize("location", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_what_a_spreadsheet_would_run_is_text(location: str) -> None:
    assert rows(finding(location))[1][0] == f"'{location}"


def test_the_plan_puts_what_the_table_has_and_the_cache_takes_and_deletes_the_rest() -> None:
    refused = {**ITEM, "TTL": {"N": "0"}}

    found = plan(
        [
            finding("Missing", ITEM),
            finding("Stale", ITEM, b"x"),
            finding("Orphaned", None, b"x"),
            finding("Refused", refused, b"x"),
            finding("Never cached", refused),
        ]
    )

    assert found.put == ("Missing", "Stale")
    assert found.delete == ("Orphaned", "Refused")
    assert found.locations == ("Missing", "Stale", "Orphaned", "Refused")
