"""Many changes of records, made in transactions of up to 100: of each transaction all rows are written, or none.

A row that somebody else changed in the meantime is taken out, and the rest of its transaction is tried again. Whoever
stops the work, or whatever fails: the report says of every row what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from core import names
from core.acknowledged import acknowledged
from core.aws import Aws
from core.errors import DashboardError, NotAuthorized, NotFound, ServiceFailed, Throttled
from services.jobs.jobs import Control
from services.weather.changes import Change, Conflict, kind_of, request
from services.weather.paging import Item
from services.weather.table import Write

#: Is told of the rows of each transaction as soon as DynamoDB has acknowledged it.
Acknowledged = Callable[[Sequence[Write]], None]

#: DynamoDB takes this many rows in one transaction.
TRANSACTION = 100
#: How often a transaction that met another one, or a limit, is tried; and the first wait in seconds, which doubles.
_TRIES = 6
_FIRST_WAIT_S = 0.05
#: With these answers DynamoDB has written nothing. After any other failure nobody knows.
_SURELY_NOT_WRITTEN = (NotAuthorized, NotFound, Throttled)
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True)
class BatchReport:
    """What became of each row: `unknown` rows may be written or not, because the answer got lost; `left` are not."""

    written: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unknown: tuple[Change, ...] = ()
    left: tuple[Change, ...] = ()
    capacity_units: float = 0.0

    @property
    def rest(self) -> tuple[Change, ...]:
        """The rows that are not surely written."""
        return (*(conflict.change for conflict in self.conflicts), *self.unknown, *self.left)


class BatchFailed(DashboardError):
    """Raised when the work cannot go on: `cause` says why, `report` how far it came."""

    def __init__(self, cause: DashboardError, report: BatchReport) -> None:
        super().__init__(cause.what, cause.advice)
        self.cause = cause
        self.report = report


def _to_nobody(_: Sequence[Write]) -> None:
    """For who wants to hear of nothing."""


@dataclass(frozen=True)
class _Transaction:
    """One that DynamoDB acknowledged: when it was sent (epoch seconds), how long that took, and its write units."""

    sent_at: float
    acknowledged_ms: float
    units: float


class _Cancelled(Exception):
    """Raised when DynamoDB cancelled a transaction: row number -> the item that is there instead."""

    def __init__(self, conflicts: dict[int, Item | None], passing: bool) -> None:
        super().__init__()
        self.conflicts = conflicts
        self.passing = passing


class BatchWrites:
    """Makes many changes, as a job's work."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def run(self, control: Control, changes: Sequence[Change], acknowledged: Acknowledged = _to_nobody) -> BatchReport:
        """Makes the changes in their order until the job is cancelled. Raises BatchFailed."""
        report = BatchReport(left=tuple(changes))
        control.report(0, len(changes), _words(report))
        for batch in _pieces(changes):
            if control.cancelled:
                return report
            report = self._batch(control, report, batch, acknowledged)
            done = len(changes) - len(report.left)
            control.report(done, len(changes), _words(report))
        return report

    def _batch(
        self, control: Control, report: BatchReport, batch: tuple[Change, ...], acknowledged: Acknowledged
    ) -> BatchReport:
        left = report.left[len(batch) :]
        try:
            done, conflicts = self._without_conflicts(control, batch)
        except DashboardError as error:
            if isinstance(error, _SURELY_NOT_WRITTEN):
                raise BatchFailed(error, report) from error
            raise BatchFailed(error, replace(report, unknown=batch, left=left)) from error
        lost = {conflict.change.location for conflict in conflicts}
        written = tuple(change for change in batch if change.location not in lost)
        if done is not None:
            acknowledged([_write(change, done) for change in written])
        return BatchReport(
            written=(*report.written, *written),
            conflicts=(*report.conflicts, *conflicts),
            left=left,
            capacity_units=report.capacity_units + (done.units if done else 0.0),
        )

    def _without_conflicts(
        self, control: Control, batch: Sequence[Change]
    ) -> tuple[_Transaction | None, tuple[Conflict, ...]]:
        """Writes a batch less the rows that changed meanwhile. Returns the transaction, if any, and those rows."""
        conflicts: list[Conflict] = []
        tries, wait_s = 0, _FIRST_WAIT_S
        while batch:
            try:
                return self._transact(batch), tuple(conflicts)
            except _Cancelled as cancelled:
                conflicts += [Conflict(batch[at], theirs) for at, theirs in cancelled.conflicts.items()]
                batch = [change for at, change in enumerate(batch) if at not in cancelled.conflicts]
                if cancelled.passing:
                    tries += 1
                    if tries >= _TRIES:
                        raise Throttled(
                            f"Writing to table {names.TABLE} met other transactions or a limit {tries} times in a row.",
                            "Try again in a moment.",
                        ) from None
                    control.wait(wait_s)
                    wait_s *= 2
        return None, tuple(conflicts)

    def _transact(self, batch: Sequence[Change]) -> _Transaction:
        sent_at, started = time.time(), time.perf_counter()
        with acknowledged(f"Writing {len(batch)} records to table {names.TABLE}"):
            try:
                answer = self._aws.patient.dynamodb.transact_write_items(
                    TransactItems=[_step(change) for change in batch], ReturnConsumedCapacity="TOTAL"
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "TransactionCanceledException":
                    raise _why_cancelled(error) from error
                raise
        elapsed_ms = (time.perf_counter() - started) * 1000
        units = sum(float(part.get("CapacityUnits", 0.0)) for part in answer.get("ConsumedCapacity", []))
        return _Transaction(sent_at, elapsed_ms, units)


def _write(change: Change, done: _Transaction) -> Write:
    return Write(change.location, kind_of(change), change.record, done.sent_at, done.acknowledged_ms, 0.0)


def _step(change: Change) -> Any:
    return {"Delete" if change.record is None else "Update": request(change)}


def _why_cancelled(error: ClientError) -> Exception:
    answer: Any = error.response
    conflicts: dict[int, Item | None] = {}
    passing = False
    for at, reason in enumerate(answer.get("CancellationReasons", [])):
        code = reason.get("Code", "None")
        if code == "ConditionalCheckFailed":
            conflicts[at] = reason.get("Item") or None
        elif code in _PASSING:
            passing = True
        elif code != "None":
            return ServiceFailed(f"DynamoDB cancelled a transaction: {code}: {reason.get('Message', '')}")
    if not conflicts and not passing:
        return ServiceFailed(f"DynamoDB cancelled a transaction without a reason: {error}")
    return _Cancelled(conflicts, passing)


def _pieces(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    for start in range(0, len(changes), TRANSACTION):
        yield tuple(changes[start : start + TRANSACTION])


def _words(report: BatchReport) -> str:
    words = f"{len(report.written):,} done"
    return f"{words}, {len(report.conflicts):,} changed by somebody else" if report.conflicts else words
