"""CloudWatch's alarms of the stack."""

from __future__ import annotations

from dataclasses import dataclass

from provision import names
from services.aws import Aws, translated


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
        metric=str(answer.get("MetricName", "")),
    )
