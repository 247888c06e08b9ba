"""What all pipes share while they run: the bell, the HTTP client, the caches and the log writer."""

from __future__ import annotations

from sandbox.aws.calls import AwsCaller
from sandbox.pipes.api.references import check_references
from sandbox.pipes.api.runner import PipeRunner
from sandbox.pipes.delivery.batch_delivery import PipeParts
from sandbox.pipes.delivery.executions import PipeExecutions
from sandbox.pipes.delivery.give_up import GivingUp
from sandbox.pipes.delivery.polling_backoff import PollingBackOff
from sandbox.pipes.delivery.rights import Rights
from sandbox.pipes.delivery.shard_delivery import Delivery
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.log.execution_log import ExecutionLog
from sandbox.pipes.log.log_writer import LogWriter
from sandbox.pipes.log.metrics import PipeMetrics
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.stream.bell import Bell
from sandbox.pipes.stream.shard_window import ShardWindows
from sandbox.pipes.target.api_destination import ApiDestinations, ConnectionFailures
from sandbox.pipes.target.destinations import Destinations


class Runtime:
    """The shared parts, and how a pipe's own parts are put together from them."""

    def __init__(self, aws: AwsCaller, connection_failures: ConnectionFailures) -> None:
        self.bell = Bell()
        self._destinations = Destinations(aws)
        self._aws = aws
        self._rights = Rights(aws)
        self._targets = ApiDestinations(self._destinations, connection_failures)
        self._logs = LogWriter(aws)
        self._windows = ShardWindows(aws, self.bell)
        self.metrics = PipeMetrics()

    async def open(self) -> None:
        """Open the HTTP client."""
        await self._targets.start()

    async def close(self) -> None:
        """Write the last log lines and close the HTTP client. The pipes must be stopped before."""
        await self._logs.close()
        await self._targets.close()

    def forget_destinations(self) -> None:
        """A connection or an API destination was changed."""
        self._targets.forget()

    def forget_rights(self) -> None:
        """A role or a policy was changed."""
        self._rights.forget()

    def new_runner(self) -> tuple[PipeRunner, Counters]:
        """The runner of a new pipe, and its counters."""
        counters = Counters()
        return PipeRunner(self._aws, self.bell, self._windows, counters), counters

    async def check(self, plan: PipePlan) -> None:
        """Whether what the plan refers to exists. Raises ReferenceBroken."""
        await check_references(self._aws, self._destinations, plan)

    def start(self, plan: PipePlan, runner: PipeRunner, counters: Counters) -> None:
        """Start a pipe's workers on a plan."""
        log = ExecutionLog(plan.log, self._logs.append)
        parts = PipeParts(
            plan=plan,
            counters=counters,
            targets=self._targets,
            rights=self._rights,
            executions=PipeExecutions(plan.pipe, plan.target_arn, log, self.metrics),
            giving_up=GivingUp(plan, counters, self._aws, self._rights),
            back_off=PollingBackOff(),
        )
        runner.start(plan, Delivery(parts))
