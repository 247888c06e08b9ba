"""Executions of a pipe as the outside sees them: their log records and their metrics.

An execution is one batch on its way to the target, tried once. It stays open while the endpoint cannot be reached.
"""

from __future__ import annotations

import time
from typing import Any

from sandbox.pipes.log.execution_log import Execution, ExecutionLog
from sandbox.pipes.log.metrics import ExecutionReport, PipeMetrics
from sandbox.pipes.plan.batches import Batch
from sandbox.pipes.plan.plan import PipeIdentity
from sandbox.pipes.target.outcomes import Delivered, Outcome, Rejected, Request, Unreachable

#: AWS lets an execution take this long, whatever happens in it.
EXECUTION_TIMEOUT_S = 300.0


class PipeExecutions:
    """Opens the executions of one pipe."""

    def __init__(self, pipe: PipeIdentity, target_arn: str, log: ExecutionLog, metrics: PipeMetrics) -> None:
        self.pipe = pipe
        self.target_arn = target_arn
        self.log = log
        self.metrics = metrics

    def begin(self, batch: Batch, payload: str) -> PipeExecution:
        """A new execution of a batch. `payload` is the JSON array of its events, for the log."""
        return PipeExecution(self, batch, payload)


class PipeExecution:
    """One execution. One of the methods that end it must be called."""

    def __init__(self, owner: PipeExecutions, batch: Batch, payload: str) -> None:
        self._owner = owner
        self._batch = batch
        self._log: Execution = owner.log.start()
        self._began_s = time.perf_counter()
        self._target_began_s: float | None = None
        self.is_open = True
        owner.metrics.begin(owner.pipe.region)
        self._log.write("ExecutionStarted", payload=payload)

    @property
    def is_overdue(self) -> bool:
        """Whether it has taken longer than an execution may."""
        return time.perf_counter() - self._began_s > EXECUTION_TIMEOUT_S

    def enter_target(self) -> None:
        """The target stage begins, unless it has begun already."""
        if self._target_began_s is None:
            self._target_began_s = time.perf_counter()
            self._log.write("TargetStageEntered")

    def transforming(self) -> None:
        """The template is about to be filled in."""
        self._log.write("TargetTransformationStarted")

    def transformed(self, payload: str) -> None:
        """The template was filled in; `payload` is the JSON array of what came out."""
        self._log.write("TargetTransformationSucceeded", payload=payload)

    def invoking(self) -> None:
        """The request is about to be sent."""
        self._log.write("TargetInvocationStarted")

    def invocation_failed(self, outcome: Rejected | Unreachable) -> None:
        """The target did not take the batch."""
        self._log.fail("TargetInvocationFailed", self._error_of(outcome), **_exchange(outcome.request, outcome))

    def succeeded(self, outcome: Delivered) -> None:
        """The target took the whole batch."""
        if self._owner.log.wants("TargetInvocationSucceeded"):
            self._log.write("TargetInvocationSucceeded", **_exchange(outcome.request, outcome))
        self._log.write("TargetStageSucceeded", payload=outcome.response.body)
        self._log.write("ExecutionSucceeded")
        self._end()

    def partially_failed(self, outcome: Delivered) -> None:
        """The target took the batch and reported some of its items as failed."""
        error = self._error("The target reported items of the batch as failed.")
        self._log.fail("TargetInvocationPartiallyFailed", error, **_exchange(outcome.request, outcome))
        self._log.fail("TargetStagePartiallyFailed", error)
        self._log.fail("ExecutionPartiallyFailed", error)
        self._end("TargetStagePartiallyFailed", "ExecutionPartiallyFailed")

    def failed(self, outcome: Rejected) -> None:
        """The execution ends in failure; the target stage too, when it was entered."""
        error = self._error_of(outcome)
        if self._target_began_s is None:
            self._log.fail("ExecutionFailed", error)
            self._end("ExecutionFailed")
        else:
            self._log.fail("TargetStageFailed", error)
            self._log.fail("ExecutionFailed", error)
            self._end("TargetStageFailed", "ExecutionFailed")

    def timed_out(self) -> None:
        """The execution took too long."""
        error = self._error(f"The execution took more than {EXECUTION_TIMEOUT_S:g} s.")
        self._log.fail("ExecutionTimeout", error)
        self._end("ExecutionTimeout")

    def cut_off(self) -> None:
        """The pipe was stopped; the batch comes again after the start."""
        if self.is_open:
            self.is_open = False
            self._owner.metrics.abandon(self._owner.pipe.region)

    def _end(self, *failures: str) -> None:
        now_s = time.perf_counter()
        self.is_open = False
        report = ExecutionReport(
            events=len(self._batch.records),
            size_bytes=self._batch.size_bytes,
            duration_ms=1000 * (now_s - self._began_s),
            target_ms=1000 * (now_s - (self._target_began_s or now_s)),
            failures=frozenset(failures),
        )
        self._owner.metrics.end(self._owner.pipe.region, self._owner.pipe.name, report)

    def _error_of(self, outcome: Rejected | Unreachable) -> dict[str, Any]:
        if isinstance(outcome, Unreachable):
            return self._error(outcome.message, exceptionType="EndpointUnreachable")
        status = {} if outcome.status is None else {"httpStatusCode": outcome.status}
        return self._error(outcome.message, **status, exceptionType=outcome.kind)

    def _error(self, message: str, **known: Any) -> dict[str, Any]:
        return {"message": message, "awsService": "events", **known, "resourceArn": self._owner.target_arn}


def _exchange(request: Request | None, outcome: Outcome) -> dict[str, str]:
    """The awsRequest and awsResponse of a log record, as far as there are any."""
    data = {}
    if request is not None:
        data["awsRequest"] = request.as_json()
    response = None if isinstance(outcome, Unreachable) else outcome.response
    if response is not None:
        data["awsResponse"] = response.as_json()
    return data
