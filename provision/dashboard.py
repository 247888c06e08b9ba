"""The CloudWatch dashboard of a stack: the pictures of our own pages, for people who are in the AWS console. Pure.

CloudWatch has no metric of a pipe's lag and none of deliveries: the time that executions take stands in for the one,
and executions less those that failed for the other (facts/aws-pipes.md, section 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.names import FLOWS, StackNames
from provision.metrics import PIPES, QUEUES, TABLES, WRITES
from provision.model import Declared, Ref

DASHBOARD = "dashboard"
#: Columns of CloudWatch's grid, and the height of a picture in its rows.
_COLUMNS, _HEIGHT = 24, 6
_PERIOD_S = 60


def declared_dashboard(names: StackNames, region: str, alarms: tuple[str, ...], tags: dict[str, str]) -> Declared:
    """The dashboard; `alarms` are the addresses of those that it shows, if there are any."""
    widgets = {"About": _about(names)}
    if alarms:
        widgets["Alarms"] = _placed(_alarms(alarms), 0, 2, _COLUMNS, 3)
    top = 5 if alarms else 2
    third = _COLUMNS // 3
    for number, picture in enumerate(_pictures(names, region)):
        row, column = divmod(number, 3)
        placed = _placed(picture, column * third, top + row * _HEIGHT, third, _HEIGHT)
        widgets[picture["properties"]["title"]] = placed
    errors = _errors(names, region)
    below = top + 2 * _HEIGHT
    widgets[errors["properties"]["title"]] = _placed(errors, 0, below, _COLUMNS, _HEIGHT)
    return Declared(DASHBOARD, "dashboard", names.dashboard(region), {"Widgets": widgets, "Tags": tags})


def _placed(widget: dict[str, Any], x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {**widget, "x": x, "y": y, "width": width, "height": height}


def _about(names: StackNames) -> dict[str, Any]:
    text = (
        f"## {names.stack}\n"
        "Made by `python -m provision`, which puts changes of this dashboard back; copy it to change it."
    )
    return _placed({"type": "text", "properties": {"markdown": text}}, 0, 0, _COLUMNS, 2)


def _alarms(addresses: tuple[str, ...]) -> dict[str, Any]:
    arns = [Ref(address, "arn") for address in addresses]
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": arns}}


def _pictures(names: StackNames, region: str) -> Iterator[dict[str, Any]]:
    """Six pictures, three to a row."""
    yield _picture(region, "Writes and deliveries", [*_writes(names), *_deliveries(names)])
    yield _picture(region, "Failures", list(_failures(names)))
    yield _picture(region, "Duration of executions (ms)", list(_durations(names)))
    yield _picture(
        region,
        "Dead letters",
        [
            [QUEUES, "ApproximateNumberOfMessagesVisible", "QueueName", names.queue, {"label": "messages"}],
            [
                *(QUEUES, "ApproximateAgeOfOldestMessage", "QueueName", names.queue),
                {"label": "age of the oldest (s)", "yAxis": "right"},
            ],
        ],
        stat="Maximum",
    )
    yield _picture(region, "Writes to the table, by call", list(_calls(names)), stat="SampleCount")
    yield _picture(
        region,
        "Throttled by the table",
        [
            [TABLES, metric, "TableName", names.table, {"label": label}]
            for metric, label in (("WriteThrottleEvents", "writes"), ("ReadThrottleEvents", "reads"))
        ],
    )


def _picture(region: str, title: str, metrics: list[Any], stat: str = "Sum") -> dict[str, Any]:
    properties = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "stat": stat,
        "period": _PERIOD_S,
        "metrics": metrics,
    }
    return {"type": "metric", "properties": properties}


def _writes(names: StackNames) -> Iterator[list[Any]]:
    """Calls that wrote, of every kind, as one line. A batch counts once."""
    for number, call in enumerate(WRITES):
        hidden = {"id": f"w{number}", "visible": False, "stat": "SampleCount"}
        yield [TABLES, "SuccessfulRequestLatency", "TableName", names.table, "Operation", call, hidden]
    total = " + ".join(f"FILL(w{number}, 0)" for number in range(len(WRITES)))
    yield [{"expression": total, "label": "writes to the table", "id": "writes"}]


def _deliveries(names: StackNames) -> Iterator[list[Any]]:
    for number, flow in enumerate(FLOWS):
        pipe = ("PipeName", names.pipe(flow))
        yield [PIPES, "Invocations", *pipe, {"id": f"i{number}", "visible": False}]
        yield [PIPES, "ExecutionFailed", *pipe, {"id": f"f{number}", "visible": False}]
        expression = f"FILL(i{number}, 0) - FILL(f{number}, 0)"
        yield [{"expression": expression, "label": f"{flow} delivered", "id": f"d{number}"}]


def _failures(names: StackNames) -> Iterator[list[Any]]:
    for metric, said in (("ExecutionFailed", "failed"), ("ExecutionTimeout", "timed out")):
        for flow in FLOWS:
            yield [PIPES, metric, "PipeName", names.pipe(flow), {"label": f"{flow} {said}"}]


def _durations(names: StackNames) -> Iterator[list[Any]]:
    for stat, said in (("Average", "average"), ("Maximum", "longest")):
        for flow in FLOWS:
            yield [PIPES, "Duration", "PipeName", names.pipe(flow), {"stat": stat, "label": f"{flow} {said}"}]


def _calls(names: StackNames) -> Iterator[list[Any]]:
    for call in WRITES:
        yield [TABLES, "SuccessfulRequestLatency", "TableName", names.table, "Operation", call, {"label": call}]


def _errors(names: StackNames, region: str) -> dict[str, Any]:
    """The newest errors of the pipes' log. It is read whenever somebody looks, which CloudWatch charges by size."""
    query = (
        f"SOURCE '{names.log_group(region)}' | fields @timestamp, resourceArn, messageType, error.message "
        '| filter logLevel = "ERROR" | sort @timestamp desc | limit 20'
    )
    properties = {"title": "Newest errors of the pipes", "region": region, "view": "table", "query": query}
    return {"type": "log", "properties": properties}
