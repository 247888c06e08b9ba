"""The CloudWatch metrics of pipes (facts/aws-pipes.md, section 6): collected here, published by somebody else.

Values are kept as statistic sets, one per pipe and name, so that a busy minute takes no more room than a quiet one.
"""

from __future__ import annotations

from dataclasses import dataclass

_UNITS = {"Duration": "Milliseconds", "TargetStageDuration": "Milliseconds", "EventSize": "Bytes"}

#: Failures that are reported as 0, too, once the pipe ran at all.
_FAILURES = (
    "ExecutionFailed",
    "ExecutionPartiallyFailed",
    "ExecutionTimeout",
    "ExecutionThrottled",
    "TargetStageFailed",
    "TargetStagePartiallyFailed",
)

_Pipe = tuple[str, str]


@dataclass(frozen=True)
class Metric:
    """A statistic set. `pipe` is "" for what concerns the whole account in a region, which is Concurrency only."""

    name: str
    pipe: str
    region: str
    unit: str
    count: float
    sum: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class ExecutionReport:
    """One finished execution: `failures` are the names of the failure metrics that it counts for."""

    events: int
    size_bytes: int
    duration_ms: float
    target_ms: float
    failures: frozenset[str]


class PipeMetrics:
    """Collects the values of all pipes until they are taken. A pipe is named by its region and its name."""

    def __init__(self) -> None:
        self._sets: dict[tuple[_Pipe, str], list[float]] = {}
        self._failures: dict[tuple[_Pipe, str], int] = {}
        self._running: dict[str, int] = {}

    def begin(self, region: str) -> None:
        """An execution began."""
        self._running[region] = self._running.get(region, 0) + 1
        self._add((region, ""), "Concurrency", self._running[region])

    def end(self, region: str, name: str, report: ExecutionReport) -> None:
        """An execution of a pipe ended."""
        self._running[region] -= 1
        pipe = (region, name)
        self._add(pipe, "Invocations", 1)
        self._add(pipe, "EventCount", report.events)
        self._add(pipe, "EventSize", report.size_bytes)
        self._add(pipe, "Duration", report.duration_ms)
        self._add(pipe, "TargetStageDuration", report.target_ms)
        for failure in report.failures:
            self._failures[pipe, failure] = self._failures.get((pipe, failure), 0) + 1

    def abandon(self, region: str) -> None:
        """An execution was cut off by a stop. It will be made again."""
        self._running[region] -= 1

    def take(self) -> list[Metric]:
        """What was collected since the last call."""
        sets, self._sets = self._sets, {}
        failures, self._failures = self._failures, {}
        for pipe, invocations in [(pipe, values[0]) for (pipe, name), values in sets.items() if name == "Invocations"]:
            for name in _FAILURES:
                failed = failures.get((pipe, name), 0)
                # Each execution is a value of 0 or 1.
                sets[pipe, name] = [invocations, failed, int(failed == invocations), int(failed > 0)]
        return [
            Metric(name, pipe, region, _UNITS.get(name, "None"), *values)
            for ((region, pipe), name), values in sets.items()
        ]

    def _add(self, pipe: _Pipe, name: str, value: float) -> None:
        values = self._sets.get((pipe, name))
        if values is None:
            self._sets[pipe, name] = [1, value, value, value]
            return
        values[0] += 1
        values[1] += value
        if value < values[2]:
            values[2] = value
        if value > values[3]:
            values[3] = value
