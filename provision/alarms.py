"""The alarms of a stack, and whom they tell: what somebody should look at before a customer does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provision.model import Declared, Ref
from provision.names import FLOWS, StackNames
from provision.settings import StackSettings

TOPIC = "alerts"
#: Seconds after which a dead letter has waited too long: its record is gone from the stream after 24 hours.
OLDEST_LETTER_S = 3600


def declared_alarms(names: StackNames, settings: StackSettings, tags: dict[str, str]) -> Iterator[Declared]:
    """The alarms that the settings ask for, and the topic when an address is to be told."""
    if not settings.alarms:
        return
    if settings.alarm_email:
        yield Declared(TOPIC, "SNS topic", names.alerts, {"Email": settings.alarm_email, "Tags": tags})
    actions = [Ref(TOPIC, "arn")] if settings.alarm_email else []

    def alarm(what: str, metric: dict[str, Any], threshold: float, description: str) -> Declared:
        return Declared(
            f"alarm/{what}",
            "alarm",
            names.alarm(what),
            {
                "AlarmDescription": description,
                **metric,
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": threshold,
                "ComparisonOperator": "GreaterThanThreshold",
                # Neither queue nor pipe has a metric while nothing happens.
                "TreatMissingData": "notBreaching",
                "AlarmActions": actions,
                "OKActions": actions,
                "Tags": tags,
            },
        )

    yield alarm("letters", _queue(names, "ApproximateNumberOfMessagesVisible"), 0.0, "There are dead letters.")
    yield alarm(
        "oldest-letter",
        _queue(names, "ApproximateAgeOfOldestMessage"),
        float(OLDEST_LETTER_S),
        "A dead letter waits for over an hour; after 24 hours its record can no longer be read.",
    )
    for flow in FLOWS:
        metric = _metric("AWS/EventBridge/Pipes", "ExecutionFailed", "Sum", "PipeName", names.pipe(flow))
        yield alarm(f"{flow}-failures", metric, 0.0, f"Executions of pipe {flow} fail.")


def _queue(names: StackNames, metric: str) -> dict[str, Any]:
    return _metric("AWS/SQS", metric, "Maximum", "QueueName", names.queue)


def _metric(namespace: str, name: str, statistic: str, dimension: str, value: str) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Statistic": statistic,
        "Dimensions": [{"Name": dimension, "Value": value}],
    }
