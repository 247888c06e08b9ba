"""One batch on its way: tried until it is settled, or until it falls into parts that go on by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.pipes.delivery.executions import PipeExecution, PipeExecutions
from sandbox.pipes.delivery.give_up import GivingUp
from sandbox.pipes.delivery.polling_backoff import PollingBackOff
from sandbox.pipes.delivery.rights import Rights
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.plan.batches import (
    Batch,
    InvalidItemFailures,
    bisected,
    expired_count,
    first_failed_item,
)
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.plan.retries import AGE_EXCEEDED, ATTEMPTS_EXHAUSTED, pauses
from sandbox.pipes.stream.events import event_of
from sandbox.pipes.syntax.json_paths import compact
from sandbox.pipes.target.api_destination import ApiDestinations
from sandbox.pipes.target.outcomes import Delivered, Outcome, Rejected, Unreachable

_TOO_OLD = Rejected("The record is too old.", AGE_EXCEEDED, retryable=False)


@dataclass(frozen=True)
class PipeParts:
    """What all journeys of one pipe share."""

    plan: PipePlan
    counters: Counters
    targets: ApiDestinations
    rights: Rights
    executions: PipeExecutions
    giving_up: GivingUp
    back_off: PollingBackOff


@dataclass(frozen=True)
class _PartlyDelivered:
    """A 2xx that reports items as failed; what comes before `position` was taken."""

    delivered: Delivered
    position: int


class Journey:
    """One batch of one pipe. `settle` is called with records that were delivered, dropped or are dead letters."""

    def __init__(self, pipe: PipeParts, batch: Batch, settle: Callable[[Batch], None]) -> None:
        self._pipe = pipe
        self._settle = settle
        self._execution: PipeExecution | None = None
        self._failed_attempts = 0
        self._set_batch(batch)

    async def see_through(self) -> list[Batch]:
        """Try until all is settled. Returns the parts that are to be seen through each by itself, mostly none."""
        try:
            for pause in pauses():
                if not await self._let_expired_go():
                    return []
                outcome = self._judged(await self._attempt())
                if isinstance(outcome, Delivered):
                    self._end_delivered(outcome)
                    return []
                if isinstance(outcome, Unreachable):
                    self._note_unreachable(outcome)
                    await self._hold(outcome.message, pause)
                    continue
                parts = self._end_failed(outcome)
                if parts is not None:
                    return parts
                if not self._may_try_again(outcome):
                    await self._give_up(self._batch, ATTEMPTS_EXHAUSTED)
                    return []
                await self._hold(_words_of(outcome), max(pause, _retry_after_s(outcome)))
        finally:
            if self._execution is not None:
                self._execution.cut_off()
        raise AssertionError("pauses() has no end")

    def _set_batch(self, batch: Batch) -> None:
        plan = self._pipe.plan
        self._batch = batch
        self._events = [event_of(record, plan.stream_arn) for record in batch.records]
        self._texts: list[str] = []
        if self._pipe.executions.log.includes_data or plan.template is None:
            self._texts = [compact(event) for event in self._events]

    async def _let_expired_go(self) -> bool:
        """Give up the records that are too old. Whether there are others."""
        now_s = time.time()
        count = expired_count(self._batch, lambda created_s: self._pipe.plan.retries.is_too_old(created_s, now_s))
        if not count:
            return True
        expired, left = self._batch.cut(count)
        if self._execution is None:
            self._set_batch(expired)
        self._running().failed(_TOO_OLD)
        self._execution = None
        await self._give_up(expired, AGE_EXCEEDED)
        if not left.records:
            return False
        self._set_batch(left)
        return True

    def _running(self) -> PipeExecution:
        """The open execution, or a new one."""
        if self._execution is None:
            self._execution = self._pipe.executions.begin(self._batch, f"[{','.join(self._texts)}]")
        return self._execution

    async def _attempt(self) -> Outcome:
        """Send the transformed batch."""
        plan, execution = self._pipe.plan, self._running()
        execution.enter_target()
        bodies = self._texts
        if plan.template is not None:
            execution.transforming()
            bodies = [plan.template.render(event) for event in self._events]
            execution.transformed(f"[{','.join(bodies)}]")
        execution.invoking()
        refused = await self._pipe.rights.refuse_invocation(plan)
        if refused is not None:
            return refused
        body = bodies[0] if plan.batching.size == 1 else f"[{','.join(bodies)}]"
        return await self._pipe.targets.invoke(plan.target_arn, plan.http, self._events[0], body)

    def _judged(self, outcome: Outcome) -> Outcome | _PartlyDelivered:
        """The outcome with what the answer says of single items."""
        if not isinstance(outcome, Delivered):
            return outcome
        try:
            position = first_failed_item(self._batch, outcome.response.body)
        except InvalidItemFailures as error:
            request, response = outcome.request, outcome.response
            return Rejected(str(error), "InvalidItemFailures", True, response.status, request, response)
        return outcome if position is None else _PartlyDelivered(outcome, position)

    def _end_delivered(self, outcome: Delivered) -> None:
        self._running().succeeded(outcome)
        self._pipe.back_off.succeeded()
        self._count_delivered(self._batch)

    def _count_delivered(self, batch: Batch) -> None:
        if batch.records:
            self._pipe.counters.delivered_records(batch.records)
            self._settle(batch)

    def _note_unreachable(self, outcome: Unreachable) -> None:
        """An internal error: the execution stays open and nothing is counted (see assumptions)."""
        execution = self._running()
        self._pipe.counters.internal_errors += 1
        execution.invocation_failed(outcome)
        if execution.is_overdue:
            execution.timed_out()
            self._execution = None

    def _end_failed(self, outcome: Rejected | _PartlyDelivered) -> list[Batch] | None:
        """End the execution. The parts to go on with when the batch is divided, None when it is not."""
        self._pipe.counters.failed_attempts += 1
        execution, tried, remaining = self._running(), self._batch, self._batch
        self._execution = None
        if isinstance(outcome, Rejected):
            execution.invocation_failed(outcome)
            execution.failed(outcome)
        else:
            execution.partially_failed(outcome.delivered)
            taken, remaining = tried.cut(outcome.position)
            self._count_delivered(taken)
        if self._pipe.plan.bisects and _may_be_one_record(outcome) and (parts := bisected(tried, remaining)):
            return parts
        if remaining is not tried:
            self._set_batch(remaining)
        self._failed_attempts += 1
        return None

    def _may_try_again(self, outcome: Rejected | _PartlyDelivered) -> bool:
        retryable = isinstance(outcome, _PartlyDelivered) or outcome.retryable
        return retryable and self._pipe.plan.retries.allows_another(self._failed_attempts)

    async def _give_up(self, batch: Batch, condition: str) -> None:
        self._pipe.back_off.failed()
        await self._pipe.giving_up.give_up(batch, condition)
        self._settle(batch)

    async def _hold(self, reason: str, pause_s: float) -> None:
        self._pipe.counters.hold(self._batch.lane, reason)
        await asyncio.sleep(pause_s)


def _may_be_one_record(outcome: Rejected | _PartlyDelivered) -> bool:
    """Whether one record of the batch may be what the target does not like."""
    return isinstance(outcome, _PartlyDelivered) or outcome.retryable or outcome.status is not None


def _words_of(outcome: Rejected | _PartlyDelivered) -> str:
    return outcome.message if isinstance(outcome, Rejected) else "The target reported items of the batch as failed."


def _retry_after_s(outcome: Rejected | _PartlyDelivered) -> float:
    return outcome.retry_after_s if isinstance(outcome, Rejected) else 0.0
