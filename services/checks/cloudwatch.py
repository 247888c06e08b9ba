"""AWS's own numbers: time series of CloudWatch, read in one call.

CloudWatch is late: AWS publishes most metrics of DynamoDB each minute, a minute or more after the fact, and the
sandbox at the end of each minute.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core import names
from core.aws import Aws, translated

#: Seconds of a point.
PERIOD_S = 60


@dataclass(frozen=True)
class Query:
    """One series to ask for: `statistic` such as Sum or Average."""

    name: str
    unit: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


@dataclass(frozen=True)
class Point:
    """The value of the minute that began at the epoch second `start`."""

    start: float
    value: float


@dataclass(frozen=True)
class Series:
    """A named series, oldest point first; a minute without a call has no point. `as_of` is when it was read."""

    name: str
    unit: str
    points: tuple[Point, ...]
    as_of: float


def table_reads() -> tuple[Query, ...]:
    """What the page Lookup holds against its own counts."""
    table = ("TableName", names.TABLE)
    get_item = (table, ("Operation", "GetItem"))
    return (
        Query("Read capacity consumed", "units", "AWS/DynamoDB", "ConsumedReadCapacityUnits", (table,), "Sum"),
        Query("GetItem calls", "calls", "AWS/DynamoDB", "SuccessfulRequestLatency", get_item, "SampleCount"),
        Query("GetItem latency", "ms", "AWS/DynamoDB", "SuccessfulRequestLatency", get_item, "Average"),
    )


def read(aws: Aws, queries: Sequence[Query], window_s: float) -> tuple[Series, ...]:
    """The series of the last `window_s` seconds, in the order of the queries. Raises DashboardError."""
    now = time.time()
    with translated("Reading metrics of CloudWatch"):
        answer = aws.cloudwatch.get_metric_data(
            MetricDataQueries=[_as_parameter(number, query) for number, query in enumerate(queries)],
            StartTime=datetime.fromtimestamp(now - window_s, UTC),
            EndTime=datetime.fromtimestamp(now + PERIOD_S, UTC),
            ScanBy="TimestampAscending",
        )
    found = {result["Id"]: result for result in answer["MetricDataResults"]}
    return tuple(_series(query, found.get(f"q{number}", {}), now) for number, query in enumerate(queries))


def _as_parameter(number: int, query: Query) -> dict[str, Any]:
    metric = {
        "Namespace": query.namespace,
        "MetricName": query.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
    }
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": query.statistic}}


def _series(query: Query, result: dict[str, Any], as_of: float) -> Series:
    pairs = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True)
    points = sorted((moment.timestamp(), float(value)) for moment, value in pairs)
    return Series(query.name, query.unit, tuple(Point(start, value) for start, value in points), as_of)
