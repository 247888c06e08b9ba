"""CloudWatch's alarms of the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import names
from core.aws import Aws, translated


@dataclass(frozen=True)
class Alarm:
    """One alarm: `state` is OK, ALARM or INSUFFICIENT_DATA, since the epoch second `since`."""

    name: str
    state: str
    reason: str
    since: float
    metric: str


def read(aws: Aws) -> tuple[Alarm, ...]:
    """The stack's alarms, those in state ALARM first. Raises DashboardError."""
    found: list[Alarm] = []
    token = ""
    while True:
        extra = {"NextToken": token} if token else {}
        with translated("Reading the alarms of CloudWatch"):
            page = aws.cloudwatch.describe_alarms(AlarmNamePrefix=names.chosen().stack, **extra)
        for kind in ("MetricAlarms", "CompositeAlarms"):
            found += [_alarm(each) for each in page.get(kind, [])]
        token = page.get("NextToken", "")
        if not token:
            return tuple(sorted(found, key=lambda alarm: (alarm.state != "ALARM", alarm.name)))


def _alarm(answer: dict[str, object]) -> Alarm:
    since = answer.get("StateUpdatedTimestamp")
    moment = getattr(since, "timestamp", None)
    return Alarm(
        name=str(answer["AlarmName"]),
        state=str(answer.get("StateValue", "")),
        reason=str(answer.get("StateReason", "")),
        since=moment() if moment else 0.0,
        metric=_metric(answer),
    )


def _metric(answer: Mapping[str, Any]) -> str:
    """What it watches: a metric's name, or for an expression what its author calls it."""
    watched: list[Mapping[str, Any]] = [each for each in answer.get("Metrics", ()) if each.get("ReturnData", True)]
    expression = watched[0] if watched else {}
    return str(answer.get("MetricName") or expression.get("Label") or expression.get("Expression", ""))
