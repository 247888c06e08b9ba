"""What every page script starts from: the process's runtime, the pipeline behind it, and the viewer's time zone."""

from __future__ import annotations

import time
from datetime import tzinfo
from typing import TypeVar

import streamlit as st

from components import formats
from core.errors import DashboardError
from services.app.notices import Readings
from services.app.pipeline import Pipeline
from services.app.runtime import Runtime, registry
from services.jobs.cached_read import Reading, Shared
from services.topic.series import WINDOWS, Rate, View
from services.topic.subscription import TopicFeed
from services.weather.table import RESERVED_PREFIX

T = TypeVar("T")

#: What the charts of events per second show: the window whose buckets are seconds.
_PER_SECOND = View(next(window for window in WINDOWS if window.bucket_s == 1))
#: How many seconds that is.
RATE_WINDOW_S = _PER_SECOND.window.seconds


def runtime() -> Runtime:
    """The process's runtime. Raises NotConfigured."""
    return registry().current()


def pipeline() -> Pipeline:
    """The connected pipeline. Raises SandboxNotRunning."""
    return runtime().pipeline()


def viewer_zone() -> tzinfo:
    """The time zone of the viewer's browser."""
    return formats.zone(st.context.timezone)


def readings(source: Pipeline) -> Readings:
    """What stands beside the pipes' health; a read that fails is an error among the readings."""
    errors: dict[str, DashboardError] = {}
    now = time.time()
    _known(source.pipes, "AWS", errors)
    _known(source.log, "AWS", errors)
    depth = _known(source.depth, "AWS", errors)
    _known(source.cache_latency_ms, "Momento", errors)
    return Readings(
        None if depth is None else depth.value,
        source.feed.status(),
        tuple(errors.values()),
        source.feed.history(),
        source.canary.status(),
        depth_age_s=None if depth is None or depth.error is None else now - depth.read_at,
        late_loops=tuple(loop for loop in source.loops if loop.late_s(now) is not None),
    )


def _known(source: Shared[T], side: str, errors: dict[str, DashboardError]) -> Reading[T] | None:
    """What was read last, or None; what keeps it from being read anew is noted, the first of each kind on each side."""
    try:
        known = source.last()
    except DashboardError as error:
        errors.setdefault(f"{side} {type(error).__name__}", error)
        return None
    if known.error is not None:
        errors.setdefault(f"{side} {type(known.error).__name__}", known.error)
    return known


def recent_rates(feed: TopicFeed) -> tuple[Rate, ...]:
    """Events per second of the last RATE_WINDOW_S seconds."""
    return feed.series.picture(_PER_SECOND, time.time()).rates


def known_locations() -> list[str]:
    """The locations of the records that the pages show, without the canary's. Raises DashboardError."""
    locations = (item.get("Location", "") for item in pipeline().records.last().value.items)
    return sorted(location for location in locations if not location.startswith(RESERVED_PREFIX))
