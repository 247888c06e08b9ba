"""Writing many records as an act of the audit log: what was to be done before it, what became of each row after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.audit import Act, Audit
from services.batch_writes import BatchFailed, BatchReport, BatchWrites
from services.jobs import Control
from services.weather_changes import Change


def run_audited(
    batches: BatchWrites, audit: Audit, act: str, who: str, changes: Sequence[Change], control: Control
) -> BatchReport:
    """Makes the changes, as BatchWrites.run does. Raises DashboardError, and then before the first change if the audit
    log cannot be written.
    """
    with audit.acting(act, who, "", records=len(changes)) as started:
        try:
            report = batches.run(control, changes)
        except BatchFailed as error:
            _end(started, f"failed: {error.cause}", error.report)
            raise
        _end(started, "done" if not report.rest else "done in part", report)
        return report


def _end(act: Act, outcome: str, report: BatchReport) -> None:
    fates: tuple[tuple[str, Iterable[Change]], ...] = (
        ("written", report.written),
        ("changed by somebody else", (conflict.change for conflict in report.conflicts)),
        ("not known", report.unknown),
        ("not done", report.left),
    )
    lines: list[dict[str, Any]] = [
        {"keys": [change.location], "fate": fate} for fate, changes in fates for change in changes
    ]
    act.end(outcome, lines, written=len(report.written), rest=len(report.rest))
