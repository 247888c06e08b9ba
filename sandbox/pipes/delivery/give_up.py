"""What becomes of records that a pipe gives up: a dead letter, or nothing but a count when it has nowhere to go."""

from __future__ import annotations

import asyncio
import logging
import time

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.delivery.dead_letters import dead_letters_of, message_body
from sandbox.pipes.delivery.rights import Rights
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.plan.batches import Batch
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.plan.retries import pauses

logger = logging.getLogger(__name__)


class GivingUp:
    """Sends the dead letters of one pipe, and counts."""

    def __init__(self, plan: PipePlan, counters: Counters, aws: AwsCaller, rights: Rights) -> None:
        self._plan = plan
        self._counters = counters
        self._rights = rights
        self._dead_letters = dead_letters_of(aws, plan.dead_letter_arn) if plan.dead_letter_arn else None

    async def give_up(self, batch: Batch, condition: str) -> None:
        """Send one dead letter for the batch, for as long as it takes until it is accepted."""
        if self._dead_letters is None:
            self._counters.dropped += len(batch.records)
            return
        body = message_body(self._plan.pipe.arn, self._plan.stream_arn, batch, condition, time.time())
        for pause in pauses():
            try:
                await self._rights.check_dead_letters(self._plan)
                await self._dead_letters.send(body)
            except AwsCallFailed as error:
                logger.warning("dead letter of %s not accepted: %s", self._plan.pipe.name, error)
                reason = f"The dead-letter queue does not accept the message: {error}"
                self._counters.dead_letter_refusal = reason
                self._counters.hold(batch.lane, reason)
                await asyncio.sleep(pause)
            else:
                self._counters.dead_letter_refusal = ""
                self._counters.dead_lettered += len(batch.records)
                return
