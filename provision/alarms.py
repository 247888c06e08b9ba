"""The alarms of a stack, and whom they tell: what somebody should look at before a customer does. Pure.

Neither queue nor pipe has a metric while nothing happens, so that missing data is no alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.names import CACHE_DELETE, CACHE_PUT, FLOWS, TOPIC_PUBLISH, StackNames
from provision.metrics import PIPES, QUEUES, TABLES
from provision.model import Declared, Ref
from provision.settings import StackSettings

TOPIC = "alerts"
#: Seconds after which a dead letter has waited too long: its record is gone from the stream after 24 hours.
OLDEST_LETTER_S = 3600
#: Writes without deliveries are an alarm when each of so many spans of so many seconds had them. A metric of the table
#: may be there minutes before those of the pipes: the newest span alone says nothing.
SPANS, SPAN_S = 3, 300


@dataclass(frozen=True)
class _Alarm:
    """One alarm: what it watches in CloudWatch's own terms, and over which value it goes off."""

    what: str
    description: str
    watched: dict[str, Any]
    threshold: float = 0.0


def declared_alarms(names: StackNames, settings: StackSettings, tags: dict[str, str]) -> Iterator[Declared]:
    """The alarms that the settings ask for, and the topic when an address is to be told."""
    if not settings.alarms:
        return
    if settings.alarm_email:
        yield Declared(TOPIC, "SNS topic", names.alerts, {"Email": settings.alarm_email, "Tags": tags})
    actions = [Ref(TOPIC, "arn")] if settings.alarm_email else []
    for alarm in (*_of_letters(names), *_of_failures(names), *_of_silence(names)):
        yield Declared(
            f"alarm/{alarm.what}",
            "alarm",
            names.alarm(alarm.what),
            {
                "AlarmDescription": alarm.description,
                **alarm.watched,
                "Threshold": alarm.threshold,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                # An alarm that somebody silenced and forgot is drift, too.
                "ActionsEnabled": True,
                "AlarmActions": actions,
                "OKActions": actions,
                "Tags": tags,
            },
        )


def _of_letters(names: StackNames) -> Iterator[_Alarm]:
    visible = _one("Maximum", QUEUES, "ApproximateNumberOfMessagesVisible", "QueueName", names.queue)
    oldest = _one("Maximum", QUEUES, "ApproximateAgeOfOldestMessage", "QueueName", names.queue)
    yield _Alarm("letters", "There are dead letters.", visible)
    yield _Alarm(
        "oldest-letter",
        "A dead letter waits for over an hour; 24 hours after its record was written that can no longer be read.",
        oldest,
        float(OLDEST_LETTER_S),
    )


def _of_failures(names: StackNames) -> Iterator[_Alarm]:
    for flow in FLOWS:
        watched = _one("Sum", PIPES, "ExecutionFailed", "PipeName", names.pipe(flow))
        yield _Alarm(f"{flow}-failures", f"Executions of pipe {flow} fail.", watched)


def _of_silence(names: StackNames) -> Iterator[_Alarm]:
    """Each change is for the topic, and for one of the two pipes of the cache: each half is watched by itself."""
    minutes = SPANS * SPAN_S // 60
    for half, flows in (("cache", (CACHE_PUT, CACHE_DELETE)), ("topic", (TOPIC_PUBLISH,))):
        yield _Alarm(
            f"no-{half}-deliveries",
            f"For {minutes} minutes the table was written to and nothing was delivered to the {half}. "
            "Writes that change nothing, such as the same record again, reach no pipe and count all the same.",
            _silence(names, flows),
        )


def _silence(names: StackNames, flows: tuple[str, ...]) -> dict[str, Any]:
    """1 in each span with writes and without a delivery, otherwise 0.

    A pipe that does nothing has no data points, which FILL makes 0; the table's metric gives the spans that count.
    """
    # Calls that wrote nothing for a condition that failed use capacity, too; but no other metric has all writes in one.
    metrics = [_stat("writes", TABLES, "ConsumedWriteCapacityUnits", "TableName", names.table)]
    for number, flow in enumerate(flows):
        pipe = ("PipeName", names.pipe(flow))
        # A target has 5 s to answer, so that no execution reaches the limit that ExecutionTimeout counts.
        metrics += [_stat(f"ran{number}", PIPES, "Invocations", *pipe)]
        metrics += [_stat(f"failed{number}", PIPES, "ExecutionFailed", *pipe)]
    delivered = " + ".join(f"FILL(ran{number}, 0) - FILL(failed{number}, 0)" for number in range(len(flows)))
    expression = {
        "Id": "silent",
        "Expression": f"IF((writes > 0) AND (({delivered}) <= 0), 1, 0)",
        "Label": "writes without deliveries",
        "ReturnData": True,
    }
    return {
        "Metrics": [expression, *metrics],
        "EvaluationPeriods": SPANS,
        "DatapointsToAlarm": SPANS,
    }


def _one(statistic: str, namespace: str, name: str, dimension: str, value: str) -> dict[str, Any]:
    """A single metric, minute by minute."""
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Statistic": statistic,
        "Dimensions": [{"Name": dimension, "Value": value}],
        "Period": 60,
        "EvaluationPeriods": 1,
    }


def _stat(ident: str, namespace: str, name: str, dimension: str, value: str) -> dict[str, Any]:
    """The sums of a metric, for an expression to use."""
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"Id": ident, "MetricStat": {"Metric": metric, "Period": SPAN_S, "Stat": "Sum"}, "ReturnData": False}
