"""Which of CloudWatch's numbers belong to the stack, and how they stand to what the pipes' log says.

All of them are asked for in one call (facts/aws-pipes.md, section 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core import names
from core.aws import Aws
from services.checks.cloudwatch import PERIOD_S, Query, Series, read
from services.logs.executions import Execution, Outcome

#: How far back is looked, in seconds: an hour, as the page says.
WINDOW_S = 3600


@dataclass(frozen=True)
class Metric:
    """One metric of one resource: `resource` is a flow, "Queue", "Table" or "Stream", and `total` says whether its
    values can be summed up."""

    group: str
    resource: str
    query: Query

    @property
    def total(self) -> bool:
        """Whether the values of several minutes may be added."""
        return self.query.statistic == "Sum"


@dataclass(frozen=True)
class Measured:
    """A metric with what CloudWatch has of it."""

    metric: Metric
    series: Series


_PIPES, _QUEUE, _TABLE = "AWS/EventBridge/Pipes", "AWS/SQS", "AWS/DynamoDB"
#: Title, metric, unit, statistic.
_OF_PIPE = (
    ("Invocations", "Invocations", "invocations", "Sum"),
    ("Events", "EventCount", "events", "Sum"),
    ("Failed executions", "ExecutionFailed", "executions", "Sum"),
    ("Throttled executions", "ExecutionThrottled", "executions", "Sum"),
    ("Timed-out executions", "ExecutionTimeout", "executions", "Sum"),
    ("Duration", "Duration", "ms", "Average"),
    ("Duration of the target's stage", "TargetStageDuration", "ms", "Average"),
)
_OF_QUEUE = (
    ("Visible messages", "ApproximateNumberOfMessagesVisible", "messages", "Maximum"),
    ("Age of the oldest message", "ApproximateAgeOfOldestMessage", "s", "Maximum"),
    ("Messages sent", "NumberOfMessagesSent", "messages", "Sum"),
    ("Messages deleted", "NumberOfMessagesDeleted", "messages", "Sum"),
)
_OF_TABLE = (
    ("Write capacity", "ConsumedWriteCapacityUnits", "units", "Sum"),
    ("Read capacity", "ConsumedReadCapacityUnits", "units", "Sum"),
)
_OF_OPERATION = ("PutItem", "DeleteItem", "GetItem")


def metrics_of(stream_arn: str) -> tuple[Metric, ...]:
    """What is asked for; the stream's own metrics are left out when its ARN is ""."""
    return (*_of_pipes(), *_of_queue(), *_of_table(), *_of_stream(stream_arn))


def _of_pipes() -> Iterable[Metric]:
    for title, metric, unit, statistic in _OF_PIPE:
        for flow in names.FLOWS:
            query = Query(f"{title} of {flow}", unit, _PIPES, metric, (("PipeName", names.pipe(flow)),), statistic)
            yield Metric(title, flow, query)


def _of_queue() -> Iterable[Metric]:
    for title, metric, unit, statistic in _OF_QUEUE:
        yield Metric(title, "Queue", Query(title, unit, _QUEUE, metric, (("QueueName", names.QUEUE),), statistic))


def _of_table() -> Iterable[Metric]:
    table = ("TableName", names.TABLE)
    for title, metric, unit, statistic in _OF_TABLE:
        yield Metric(title, "Table", Query(title, unit, _TABLE, metric, (table,), statistic))
    for operation in _OF_OPERATION:
        dimensions = (table, ("Operation", operation))
        query = Query(f"Latency of {operation}", "ms", _TABLE, "SuccessfulRequestLatency", dimensions, "Average")
        yield Metric("Latency of the table", operation, query)


def _of_stream(stream_arn: str) -> Iterable[Metric]:
    label = stream_arn.partition("/stream/")[2]
    if label:
        dimensions = (("TableName", names.TABLE), ("Operation", "GetRecords"), ("StreamLabel", label))
        query = Query("Records read from the stream", "records", _TABLE, "ReturnedRecordsCount", dimensions, "Sum")
        yield Metric("Records read from the stream", "Stream", query)


def measure(aws: Aws, stream_arn: str) -> tuple[Measured, ...]:
    """Every metric of the stack over the last WINDOW_S seconds, in one call. Raises DashboardError."""
    metrics = metrics_of(stream_arn)
    found = read(aws, [metric.query for metric in metrics], WINDOW_S)
    return tuple(Measured(metric, series) for metric, series in zip(metrics, found, strict=True))


@dataclass(frozen=True)
class Comparison:
    """One pipe in one span of whole minutes: CloudWatch's invocations and failures, and those that the log tells of.

    `since` and `until` are epoch seconds.
    """

    flow: str
    since: float
    until: float
    invocations: float
    executions: int
    failed: float
    failed_logged: int


def compare(measured: Sequence[Measured], executions: Iterable[Execution], log_since: float) -> tuple[Comparison, ...]:
    """CloudWatch beside the log for each pipe, over the whole minutes that both know: none, if there is no such minute.

    `log_since` is the moment from which on the log was read, in epoch seconds.
    """
    by_title = {(one.metric.group, one.metric.resource): one.series.points for one in measured}
    # The log may be kept for longer than the metrics were read for.
    known_since = max([log_since, *(one.series.as_of - WINDOW_S for one in measured)])
    since = -(-known_since // PERIOD_S) * PERIOD_S
    starts = [point.start for (title, _), points in by_title.items() if title == "Invocations" for point in points]
    until = max(starts, default=0.0) + PERIOD_S
    if until <= since:
        return ()
    logged = [one for one in executions if since <= one.started_ms / 1000 < until]

    def total(title: str, flow: str) -> float:
        return sum(point.value for point in by_title.get((title, flow), ()) if since <= point.start < until)

    return tuple(
        Comparison(
            flow,
            since,
            until,
            total("Invocations", flow),
            sum(one.pipe == names.pipe(flow) for one in logged),
            total("Failed executions", flow),
            sum(one.pipe == names.pipe(flow) and one.outcome is Outcome.FAILED for one in logged),
        )
        for flow in names.FLOWS
    )
