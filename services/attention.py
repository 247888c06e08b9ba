"""What needs somebody's attention beside the pipes themselves, whose verdicts services/verdicts.py gives. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from services.dead_letters import Depth
from services.errors import DashboardError
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
    """What was read; None where a read failed, with its error in `errors`."""

    depth: Depth | None
    feed: FeedStatus
    errors: tuple[DashboardError, ...] = ()


def notices(readings: Readings) -> list[Notice]:
    """Everything that needs attention, the worst first."""
    found = [
        *_unreadable(readings.errors),
        *_of_feed(readings.feed),
        *_of_queue(readings.depth),
    ]
    return sorted(found, key=lambda notice: notice.severity is not Severity.PROBLEM)


def _unreadable(errors: Iterable[DashboardError]) -> list[Notice]:
    return [Notice(Severity.PROBLEM, "A part of the pipeline cannot be read", str(error)) for error in errors]


def _of_feed(feed: FeedStatus) -> list[Notice]:
    if feed.state in (FeedState.RECONNECTING, FeedState.REFUSED):
        return [Notice(Severity.PROBLEM, f"The topic subscription is {feed.state.value}", feed.reason)]
    return []


def _of_queue(depth: Depth | None) -> list[Notice]:
    if depth is None or depth.total == 0:
        return []
    noun = "message waits" if depth.total == 1 else "messages wait"
    return [Notice(Severity.WARNING, f"{depth.total:,} {noun} in the dead-letter queue")]
