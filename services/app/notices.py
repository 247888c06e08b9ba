"""What needs attention beside the pipes themselves, whose verdicts services/pipes/verdicts.py gives. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.errors import DashboardError
from services.dead_letters.queue import Depth
from services.jobs.background import LoopState
from services.topic.history import HistoryStatus
from services.topic.subscription_state import FeedState, FeedStatus
from services.tracking.canary import CanaryStatus


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
    """What was read; None where a read failed, with its error in `errors`.

    `history` is None, too, when none is kept. `depth_age_s` is how old the depth is when it could not be read anew.
    `late_loops` run in the background, and did not succeed for longer than they should.
    """

    depth: Depth | None
    feed: FeedStatus
    errors: tuple[DashboardError, ...] = ()
    history: HistoryStatus | None = None
    canary: CanaryStatus | None = None
    depth_age_s: float | None = None
    late_loops: tuple[LoopState, ...] = ()


def notices(readings: Readings) -> list[Notice]:
    """Everything that needs attention, the worst first."""
    found = [
        *_unreadable(readings.errors),
        *_of_feed(readings.feed),
        *_of_queue(readings.depth, readings.depth_age_s),
        *_of_loops(readings.late_loops),
        *_of_history(readings.history),
        *_of_canary(readings.canary),
    ]
    return sorted(found, key=lambda notice: notice.severity is not Severity.PROBLEM)


def _unreadable(errors: Iterable[DashboardError]) -> list[Notice]:
    return [Notice(Severity.PROBLEM, "A part of the pipeline cannot be read", str(error)) for error in errors]


def _of_feed(feed: FeedStatus) -> list[Notice]:
    if feed.state in (FeedState.RECONNECTING, FeedState.REFUSED):
        return [Notice(Severity.PROBLEM, f"The topic subscription is {feed.state.value}", feed.reason)]
    return []


def _of_history(history: HistoryStatus | None) -> list[Notice]:
    if history is None or not history.problem:
        return []
    return [Notice(Severity.WARNING, "Events are not stored for the next start of the dashboard", history.problem)]


def _of_loops(late: Iterable[LoopState]) -> list[Notice]:
    return [Notice(Severity.WARNING, f"The {loop.name} does not get on", loop.problem) for loop in late]


def _of_queue(depth: Depth | None, age_s: float | None) -> list[Notice]:
    if depth is None or depth.total == 0:
        return []
    noun = "message waits" if depth.total == 1 else "messages wait"
    when = "" if age_s is None else f", as of {age_s:,.0f} s ago"
    return [Notice(Severity.WARNING, f"{depth.total:,} {noun} in the dead-letter queue{when}")]


def _of_canary(canary: CanaryStatus | None) -> list[Notice]:
    if canary is None or canary.interval_s is None or not canary.runs:
        return []
    last = canary.runs[-1]
    if last.missing is not None:
        headline = f'The canary is lost: "{last.missing.value}" did not come within {canary.patience_s:g} s'
        return [Notice(Severity.PROBLEM, headline, last.problem)]
    return []
