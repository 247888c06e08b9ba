"""What needs somebody's attention, from what the reads of the pipeline show. Pure: readings in, notices out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from provision import names
from services.canary import CanaryStatus
from services.dead_letters import Depth
from services.errors import DashboardError
from services.pipe_logs import PipeTally
from services.pipes import Pipe
from services.topic_history import HistoryStatus
from services.topic_status import FeedState, FeedStatus


class Severity(Enum):
    """How bad it is: something is broken now, or something is left to do."""

    PROBLEM = "problem"
    WARNING = "warning"


@dataclass(frozen=True)
class Notice:
    """One thing to look at. The headline is made of our own words; `detail` may quote AWS or Momento."""

    severity: Severity
    headline: str
    detail: str = ""


@dataclass(frozen=True)
class Readings:
    """What was read; None where a read failed, with its error in `errors`. `tallies` cover the last minutes.

    `history` is None, too, when none is kept.
    """

    pipes: tuple[Pipe, ...] | None
    tallies: Mapping[str, PipeTally] | None
    depth: Depth | None
    feed: FeedStatus
    errors: tuple[DashboardError, ...] = ()
    history: HistoryStatus | None = None
    canary: CanaryStatus | None = None


def notices(readings: Readings) -> list[Notice]:
    """Everything that needs attention, the worst first."""
    found = [
        *_unreadable(readings.errors),
        *_of_pipes(readings.pipes or ()),
        *_of_executions(readings.tallies or {}),
        *_of_feed(readings.feed),
        *_of_queue(readings.depth),
        *_of_history(readings.history),
        *_of_canary(readings.canary),
    ]
    return sorted(found, key=lambda notice: notice.severity is not Severity.PROBLEM)


def _unreadable(errors: Iterable[DashboardError]) -> list[Notice]:
    return [Notice(Severity.PROBLEM, "A part of the pipeline cannot be read", str(error)) for error in errors]


def _of_pipes(pipes: Iterable[Pipe]) -> list[Notice]:
    return [
        Notice(Severity.PROBLEM, f"Pipe {pipe.flow} is {pipe.state.lower().replace('_', ' ')}", pipe.reason)
        for pipe in pipes
        if not pipe.running
    ]


def _of_executions(tallies: Mapping[str, PipeTally]) -> list[Notice]:
    # Only the stack's own pipes: the log group may name others, and a headline is no place for foreign text.
    ours = [(flow, tallies[name]) for name, flow in names.FLOW_OF.items() if name in tallies]
    holding = [(flow, pipe) for flow, pipe in ours if pipe.holding]
    failing = [(flow, pipe) for flow, pipe in ours if pipe.failed and not pipe.holding]
    return [*_holding(holding), *(_failed(flow, pipe) for flow, pipe in failing)]


def _holding(pipes: list[tuple[str, PipeTally]]) -> list[Notice]:
    if not pipes:
        return []
    flows = ", ".join(flow for flow, _ in pipes)
    verb = "holds" if len(pipes) == 1 else "hold"
    headline = f"{flows} {verb} records back: the target cannot be reached, and Pipes tries again without end"
    return [Notice(Severity.PROBLEM, headline, pipes[0][1].last_error)]


def _failed(flow: str, pipe: PipeTally) -> Notice:
    times = "once" if pipe.failed == 1 else f"{pipe.failed:,} times"
    if pipe.last_success_ms > pipe.last_failure_ms:
        return Notice(Severity.WARNING, f"{flow} failed {times} lately, and delivers again", pipe.last_error)
    return Notice(Severity.PROBLEM, f"{flow} failed {times} lately", pipe.last_error)


def _of_feed(feed: FeedStatus) -> list[Notice]:
    if feed.state in (FeedState.RECONNECTING, FeedState.REFUSED):
        return [Notice(Severity.PROBLEM, f"The topic subscription is {feed.state.value}", feed.reason)]
    return []


def _of_history(history: HistoryStatus | None) -> list[Notice]:
    if history is None or not history.problem:
        return []
    return [Notice(Severity.WARNING, "Events are not stored for the next start of the dashboard", history.problem)]


def _of_queue(depth: Depth | None) -> list[Notice]:
    if depth is None or depth.total == 0:
        return []
    noun = "message waits" if depth.total == 1 else "messages wait"
    return [Notice(Severity.WARNING, f"{depth.total:,} {noun} in the dead-letter queue")]


def _of_canary(canary: CanaryStatus | None) -> list[Notice]:
    if canary is None or canary.interval_s is None or not canary.runs:
        return []
    last = canary.runs[-1]
    if last.missing is not None:
        headline = f'The canary is lost: "{last.missing.value}" did not come within {canary.patience_s:g} s'
        return [Notice(Severity.PROBLEM, headline, last.problem)]
    return []
