"""What a pipe does with one record: filter, transform, send, try again, give up.

`handle` returns only when the record is done with, that is filtered out, delivered, dropped, or accepted by the
dead-letter queue. Only then does the caller move the cursor, so a record may come twice but is never lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.api_destination import ApiDestinations, Delivered, Outcome, Rejected, Request, Unreachable
from sandbox.pipes.counters import Counters
from sandbox.pipes.dead_letters import DeadLetterQueue, message_body
from sandbox.pipes.events import event_of
from sandbox.pipes.execution_log import Append, Execution, ExecutionLog
from sandbox.pipes.json_paths import compact
from sandbox.pipes.plan import PipePlan
from sandbox.pipes.retries import AGE_EXCEEDED, ATTEMPTS_EXHAUSTED, pauses

logger = logging.getLogger(__name__)


class Delivery:
    """Handles the records of one pipe, for all its shards."""

    def __init__(
        self, plan: PipePlan, counters: Counters, aws: AwsCaller, targets: ApiDestinations, append: Append
    ) -> None:
        self._plan = plan
        self._counters = counters
        self._targets = targets
        self._log = ExecutionLog(plan.log, append)
        self._dead_letters = DeadLetterQueue(aws, plan.dead_letter_arn) if plan.dead_letter_arn else None

    async def handle(self, shard_id: str, record: dict[str, Any]) -> None:
        """See one record through. Cancelling it leaves the record undone."""
        if not self._plan.filters.matches(record):
            self._counters.filtered += 1
            return
        self._counters.in_flight += 1
        try:
            condition = await self._deliver(shard_id, record)
            if condition is None:
                self._counters.delivered_record(record)
            else:
                await self._give_up(shard_id, record, condition)
        finally:
            self._counters.in_flight -= 1
        self._counters.release(shard_id)

    async def _deliver(self, shard_id: str, record: dict[str, Any]) -> str | None:
        """Try until the target has it: None, or the condition under which it was given up."""
        event = event_of(record, self._plan.stream_arn)
        text = compact(event) if self._log.includes_data or self._plan.template is None else ""
        created_s = float(record["dynamodb"]["ApproximateCreationDateTime"])
        failed_attempts = 0
        execution: Execution | None = None
        for pause in pauses():
            if self._plan.retries.is_too_old(created_s, time.time()):
                if execution is not None:
                    self._end_failed(execution, Rejected("The record is too old.", AGE_EXCEEDED, False))
                return AGE_EXCEEDED
            if execution is None:
                execution = self._begin(f"[{text}]")
            outcome = await self._attempt(execution, event, text)
            if isinstance(outcome, Delivered):
                self._end_delivered(execution, outcome)
                return None
            if isinstance(outcome, Unreachable):
                # An internal error: the execution stays open and nothing is counted (see assumptions).
                self._counters.internal_errors += 1
                self._log_invocation_failed(execution, outcome)
            else:
                self._counters.failed_attempts += 1
                failed_attempts += 1
                self._log_invocation_failed(execution, outcome)
                self._end_failed(execution, outcome)
                if not (outcome.retryable and self._plan.retries.allows_another(failed_attempts)):
                    return ATTEMPTS_EXHAUSTED
                execution = None
            self._counters.hold(shard_id, outcome.message)
            await asyncio.sleep(pause)
        raise AssertionError("pauses() has no end")

    async def _attempt(self, execution: Execution, event: dict[str, Any], text: str) -> Outcome:
        """Send the transformed event, or, without a template, its own `text`."""
        template = self._plan.template
        body = text
        if template is not None:
            execution.write("TargetTransformationStarted")
            body = template.render(event)
            execution.write("TargetTransformationSucceeded", payload=f"[{body}]")
        execution.write("TargetInvocationStarted")
        return await self._targets.invoke(self._plan.target_arn, self._plan.http, event, body)

    async def _give_up(self, shard_id: str, record: dict[str, Any], condition: str) -> None:
        """Send the dead letter, for as long as it takes the queue to accept it."""
        if self._dead_letters is None:
            self._counters.dropped += 1
            return
        pipe_arn, stream_arn = self._plan.pipe.arn, self._plan.stream_arn
        body = message_body(pipe_arn, stream_arn, shard_id, record, condition, time.time())
        for pause in pauses():
            try:
                await self._dead_letters.send(body)
            except AwsCallFailed as error:
                logger.warning("dead letter of %s not accepted: %s", self._plan.pipe.name, error)
                self._counters.hold(shard_id, f"The dead-letter queue does not accept the message: {error}")
                await asyncio.sleep(pause)
            else:
                self._counters.dead_lettered += 1
                return

    def _begin(self, payload: str) -> Execution:
        execution = self._log.start()
        execution.write("ExecutionStarted", payload=payload)
        execution.write("TargetStageEntered")
        return execution

    def _end_delivered(self, execution: Execution, outcome: Delivered) -> None:
        if self._log.wants("TargetInvocationSucceeded"):
            execution.write("TargetInvocationSucceeded", **_exchange(outcome.request, outcome))
        execution.write("TargetStageSucceeded", payload=outcome.response.body)
        execution.write("ExecutionSucceeded")

    def _log_invocation_failed(self, execution: Execution, outcome: Rejected | Unreachable) -> None:
        execution.fail("TargetInvocationFailed", self._error(outcome), **_exchange(outcome.request, outcome))

    def _end_failed(self, execution: Execution, outcome: Rejected) -> None:
        error = self._error(outcome)
        execution.fail("TargetStageFailed", error)
        execution.fail("ExecutionFailed", error)

    def _error(self, outcome: Rejected | Unreachable) -> dict[str, Any]:
        error: dict[str, Any] = {"message": outcome.message}
        if isinstance(outcome, Rejected) and outcome.status is not None:
            error["httpStatusCode"] = outcome.status
        error["awsService"] = "events"
        error["exceptionType"] = outcome.kind if isinstance(outcome, Rejected) else "EndpointUnreachable"
        error["resourceArn"] = self._plan.target_arn
        return error


def _exchange(request: Request | None, outcome: Outcome) -> dict[str, str]:
    """The awsRequest and awsResponse of a log record, as far as there are any."""
    data = {}
    if request is not None:
        data["awsRequest"] = request.as_json()
    response = None if isinstance(outcome, Unreachable) else outcome.response
    if response is not None:
        data["awsResponse"] = response.as_json()
    return data
