"""The stack's alarms as the pages show them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import boto3
from botocore.stub import Stubber

from core.aws import Aws
from services.checks import alarms


def alarm(name: str, **more: Any) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": "OK", "StateUpdatedTimestamp": datetime(2026, 11, 28, tzinfo=UTC), **more}


def test_an_alarm_says_what_it_watches_and_those_that_went_off_come_first() -> None:
    cloudwatch = boto3.client("cloudwatch", "us-west-2", aws_access_key_id="key", aws_secret_access_key="secret")
    expression = {"Id": "e", "Expression": "IF(m > 0, 1, 0)", "Label": "writes without deliveries"}
    metric = {"Id": "m", "Expression": "1", "ReturnData": False}
    answer = {
        "MetricAlarms": [
            alarm("a", MetricName="ExecutionFailed"),
            alarm("b", Metrics=[metric, expression], StateValue="ALARM"),
            alarm("c", Metrics=[{"Id": "e", "Expression": "IF(m > 0, 1, 0)"}]),
        ]
    }
    with Stubber(cloudwatch) as stub:
        stub.add_response("describe_alarms", answer, {"AlarmNamePrefix": "weather-stats-demo"})
        found = alarms.read(cast(Aws, SimpleNamespace(cloudwatch=cloudwatch)))

    assert [(each.name, each.metric) for each in found] == [
        ("b", "writes without deliveries"),
        ("a", "ExecutionFailed"),
        ("c", "IF(m > 0, 1, 0)"),
    ]
