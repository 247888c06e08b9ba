"""The executions of one pipe, put together from their log records as these come: in any order, late, or not at all."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from services.logs.executions import Change, LogRecord

#: An execution takes five minutes at most (facts/aws-pipes.md, section 3); a log may be late by as much.
OPEN_S = 600.0
#: Executions that are over and remembered, so that a late record of theirs does not begin another.
REMEMBERED = 50_000
#: Executions of which the end is awaited, at most.
OPEN_MOST = 20_000

_TARGET_ENDS = frozenset({"TargetStageSucceeded", "TargetStageFailed", "TargetStagePartiallyFailed"})
_FAILED = frozenset({"ExecutionFailed", "ExecutionTimeout"})
_PARTLY = "ExecutionPartiallyFailed"
_SUCCEEDED = "ExecutionSucceeded"
#: The message types that end an execution.
ENDS = frozenset({_SUCCEEDED, _PARTLY, *_FAILED})


@dataclass(slots=True)
class Steps:
    """One execution as far as it is told; moments are epoch seconds, None where no record told.

    `succeeded` is None until it has ended. `partly` says that some items of its batch failed and others did not.
    """

    execution_id: str
    last_at: float
    started_at: float | None = None
    target_at: float | None = None
    target_done_at: float | None = None
    ended_at: float | None = None
    changes: tuple[Change, ...] = ()
    succeeded: bool | None = None
    partly: bool = False
    failed_attempts: int = 0
    failing_since: float | None = None
    error: str = ""
    status: int | None = None

    @property
    def complete(self) -> bool:
        """Whether its start and its end were both told."""
        return self.started_at is not None and self.ended_at is not None

    @property
    def holding(self) -> bool:
        """Whether an attempt failed and the execution goes on."""
        return self.failed_attempts > 0 and self.ended_at is None


class OpenExecutions:
    """The executions of one pipe that are not over."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Steps] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()

    def take(self, record: LogRecord) -> Steps | None:
        """The execution after one more record; None when it is over already. A complete one is over from now on."""
        if record.execution_id in self._over:
            return None
        at = record.time_ms / 1000
        steps = self._open.get(record.execution_id)
        if steps is None:
            steps = self._open[record.execution_id] = Steps(record.execution_id, at)
        steps.last_at = max(steps.last_at, at)
        _note(steps, record, at)
        if steps.complete:
            self.drop(record.execution_id)
        return steps

    def drop(self, execution_id: str) -> None:
        """It is over, or was given up without an end."""
        self._open.pop(execution_id, None)
        self._over[execution_id] = None
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    def is_open(self, execution_id: str) -> bool:
        """Whether it is known and not over."""
        return execution_id in self._open

    def holding(self) -> list[Steps]:
        """Those with failed attempts that go on."""
        return [steps for steps in self._open.values() if steps.holding]

    def prune(self, now: float) -> None:
        """Gives those up that were quiet for longer than an execution lasts, and the oldest of too many."""
        old = [known for known, steps in self._open.items() if steps.last_at < now - OPEN_S]
        too_many = list(self._open)[: max(0, len(self._open) - OPEN_MOST)]
        for execution_id in {*old, *too_many}:
            self.drop(execution_id)


def _note(steps: Steps, record: LogRecord, at: float) -> None:
    kind = record.message_type
    if record.error:
        steps.error, steps.status = record.error, record.status
    if kind == "ExecutionStarted":
        steps.started_at, steps.changes = at, record.changes
    elif kind == "TargetStageEntered":
        steps.target_at = at
    elif kind == "TargetInvocationFailed":
        steps.failed_attempts += 1
        steps.failing_since = at if steps.failing_since is None else min(steps.failing_since, at)
    elif kind in _TARGET_ENDS:
        steps.target_done_at = at
    elif kind in ENDS:
        steps.ended_at, steps.succeeded, steps.partly = at, kind == _SUCCEEDED, kind == _PARTLY
