"""Writing many records as an act of the audit log: what was to be done before it, what became of each row after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import DashboardError
from services.audit.log import Act, Audit
from services.jobs.jobs import Control
from services.weather.batch_writes import Acknowledged, BatchFailed, BatchReport, BatchWrites
from services.weather.changes import Change

logger = logging.getLogger(__name__)


def run_audited(
    batches: BatchWrites,
    audit: Audit,
    act: str,
    who: str,
    changes: Sequence[Change],
    control: Control,
    acknowledged: Acknowledged,
) -> BatchReport:
    """Makes the changes, as BatchWrites.run does. Raises DashboardError, and then before the first change if the audit
    log cannot be written.
    """
    started = audit.begin(act, who, "", records=len(changes))
    try:
        report = batches.run(control, changes, acknowledged)
    except BatchFailed as error:
        try:
            _end(started, f"failed: {error.cause}", error.report)
        except DashboardError:
            # What became of the rows must reach the viewer, also when the same failure keeps it from the log.
            logger.exception("the outcome of act %s is not in the audit log", started.id)
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
