"""Puts what the sandbox measured into its own CloudWatch once a minute, in the namespaces and names that AWS uses.

    pipes ─ statistic sets ─┐
    usage of AWS services ──┼─▶ PutMetricData: AWS/EventBridge/Pipes, AWS/DynamoDB, AWS/SQS
    depth of the queues ────┘

Facts: `facts/aws-pipes.md`, section 6. Assumed: a metric that AWS lists under both AwsAccountId and PipeName is there
once for the account and once for each pipe, not under both dimensions together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.aws.emulator_queues import oldest_sent_at
from sandbox.aws.usage.sqs import queue_series
from sandbox.aws.usage.usage import Dimensions, Series, StatisticSet, Usage

logger = logging.getLogger(__name__)

PERIOD_S = 60
PIPES_NAMESPACE = "AWS/EventBridge/Pipes"
#: Data that one PutMetricData takes.
_MOST_DATA = 1000
_OF_ACCOUNT_TOO = frozenset({"Invocations", "ExecutionThrottled"})
_NO_SUCH_QUEUE = frozenset({"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"})
_DEPTHS = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}


class PipeMetric(Protocol):
    """A statistic set of one metric of one pipe; `pipe` is empty for the whole account in the region."""

    @property
    def name(self) -> str: ...
    @property
    def pipe(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def count(self) -> float: ...
    @property
    def sum(self) -> float: ...
    @property
    def minimum(self) -> float: ...
    @property
    def maximum(self) -> float: ...


class MetricsPublisher:
    """Publishes from a task of its own. `take_pipe_metrics` gives what the pipes measured since the last call."""

    def __init__(
        self,
        aws: AwsCaller,
        usage: Usage,
        take_pipe_metrics: Callable[[], Iterable[PipeMetric]],
        *,
        account_id: str,
        region: str,
    ) -> None:
        self._aws = aws
        self._usage = usage
        self._take_pipe_metrics = take_pipe_metrics
        self._account_id = account_id
        self._region = region
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Publish at the end of every minute from now on."""
        self._task = asyncio.create_task(self._run(), name="metrics publisher")

    async def close(self) -> None:
        """Stop. What was measured since the last minute is not published."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def publish(self, minute_s: int) -> None:
        """Publish all that was measured since the last time, as of a minute (epoch seconds). Raises AwsCallFailed."""
        sets = [*self._usage.take(), *self._of_pipes(), *await self._of_queues()]
        by_target: dict[tuple[str, str], list[StatisticSet]] = {}
        for each in sets:
            by_target.setdefault((each.series.region, each.series.namespace), []).append(each)
        for (region, namespace), found in by_target.items():
            for start in range(0, len(found), _MOST_DATA):
                data = [_datum(each, minute_s) for each in found[start : start + _MOST_DATA]]
                payload = {"Namespace": namespace, "MetricData": data}
                await self._aws.call("cloudwatch.PutMetricData", payload, region=region)

    async def _run(self) -> None:
        while True:
            minute_s = int(time.time()) // PERIOD_S * PERIOD_S
            await asyncio.sleep(minute_s + PERIOD_S - time.time())
            try:
                await self.publish(minute_s)
            except Exception:
                logger.exception("the metrics of a minute are lost")

    def _of_pipes(self) -> Iterator[StatisticSet]:
        account: Dimensions = (("AwsAccountId", self._account_id),)
        for metric in self._take_pipe_metrics():
            own: Dimensions = (("PipeName", metric.pipe),) if metric.pipe else account
            for dimensions in (own, account) if metric.pipe and metric.name in _OF_ACCOUNT_TOO else (own,):
                series = Series(metric.region, PIPES_NAMESPACE, metric.name, metric.unit, dimensions)
                yield StatisticSet(series, metric.count, metric.sum, metric.minimum, metric.maximum)

    async def _of_queues(self) -> list[StatisticSet]:
        listed = await self._aws.call("sqs.ListQueues", {}, region=self._region)
        found = [await self._of_queue(url) for url in listed.get("QueueUrls", [])]
        return [each for sets in found for each in sets]

    async def _of_queue(self, url: str) -> list[StatisticSet]:
        wanted = {"QueueUrl": url, "AttributeNames": list(_DEPTHS)}
        try:
            attributes = (await self._aws.call("sqs.GetQueueAttributes", wanted, region=self._region))["Attributes"]
        except AwsCallFailed as error:
            if error.code in _NO_SUCH_QUEUE:
                # Deleted since it was listed.
                return []
            raise
        sent_at = oldest_sent_at(self._account_id, self._region, url)
        age_s = 0.0 if sent_at is None else max(0.0, time.time() - sent_at)
        return [
            *(
                _moment(queue_series(self._region, url, name), float(attributes[attribute]))
                for attribute, name in _DEPTHS.items()
            ),
            _moment(queue_series(self._region, url, "ApproximateAgeOfOldestMessage", "Seconds"), age_s),
        ]


def _moment(series: Series, value: float) -> StatisticSet:
    """A single value."""
    return StatisticSet(series, 1, value, value, value)


def _datum(each: StatisticSet, minute_s: int) -> dict[str, Any]:
    """One MetricDatum of PutMetricData."""
    return {
        "MetricName": each.series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in each.series.dimensions],
        "Timestamp": minute_s,
        "Unit": each.series.unit,
        "StatisticValues": {
            "SampleCount": each.count,
            "Sum": each.sum,
            "Minimum": each.minimum,
            "Maximum": each.maximum,
        },
    }
