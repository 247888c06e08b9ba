"""What the emulator's CloudWatch forgets, put right inside of it: tags of dashboards, and the metrics of alarms on
expressions. Its protocol is binary, so that a front before it would have to read and write CBOR.

An alarm on an expression is kept and given back here; it is not evaluated, and stays in the state INSUFFICIENT_DATA.
`tests/sandbox/aws/test_gateway_contract.py` holds what is relied on here.
"""

from __future__ import annotations

from typing import Any

#: What the emulator gives an alarm on one metric, and an alarm on an expression does not have.
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")


def complete() -> None:
    """Puts it right, once for the process."""
    from ministack.services import cloudwatch

    if getattr(cloudwatch, "_is_complete", False):
        return
    cloudwatch._is_complete = True
    cloudwatch._put_metric_alarm = _keeping_metrics(cloudwatch)
    cloudwatch._put_dashboard = _keeping_tags(cloudwatch)
    cloudwatch._validate_alarm_tag_arn = _knowing_dashboards(cloudwatch)


def _keeping_metrics(cloudwatch: Any) -> Any:
    put = cloudwatch._put_metric_alarm

    def put_metric_alarm(params: Any, given: Any, *protocol: Any, **more: Any) -> Any:
        answer = put(params, given, *protocol, **more)
        if answer[0] < 400 and given and given.get("Metrics"):
            alarm = cloudwatch._alarms[given["AlarmName"]]
            alarm["Metrics"] = given["Metrics"]
            alarm["Dimensions"] = []
            for name in _OF_ONE_METRIC:
                alarm[name] = None
        return answer

    return put_metric_alarm


def _keeping_tags(cloudwatch: Any) -> Any:
    put = cloudwatch._put_dashboard

    def put_dashboard(params: Any, given: Any, *protocol: Any, **more: Any) -> Any:
        name = (given or {}).get("DashboardName", "")
        is_new = cloudwatch._dashboards.get(name) is None
        answer = put(params, given, *protocol, **more)
        # As on AWS, tags of a dashboard that is there already are passed over.
        if answer[0] < 400 and is_new and given and given.get("Tags"):
            arn = cloudwatch._dashboards[name]["DashboardArn"]
            cloudwatch._resource_tags[arn] = {tag["Key"]: tag["Value"] for tag in given["Tags"]}
        return answer

    return put_dashboard


def _knowing_dashboards(cloudwatch: Any) -> Any:
    validate = cloudwatch._validate_alarm_tag_arn

    def validate_tag_arn(arn: str, **protocol: Any) -> Any:
        dashboard = cloudwatch._dashboards.get(arn.rpartition(":dashboard/")[2])
        if dashboard is not None and dashboard["DashboardArn"] == arn:
            return None
        return validate(arn, **protocol)

    return validate_tag_arn
