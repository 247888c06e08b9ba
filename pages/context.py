"""What every page script starts from: the process's runtime, the pipeline behind it, and the viewer's time zone."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import tzinfo
from typing import TypeVar

import streamlit as st

from components import formats
from services.attention import Readings
from services.errors import DashboardError
from services.pipeline import Pipeline
from services.runtime import Runtime, registry
from services.topic_feed import TopicFeed
from services.topic_series import WINDOWS, Rate, View
from services.weather import RESERVED_PREFIX

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
    _tried(source.pipes.get, "AWS", errors)
    _tried(source.log.get, "AWS", errors)
    depth = _tried(lambda: source.depth.get().value, "AWS", errors)
    _tried(source.cache_latency_ms.get, "Momento", errors)
    feed, history = source.feed.status(), source.feed.history()
    return Readings(depth, feed, tuple(errors.values()), history, source.canary.status())


def _tried(read: Callable[[], T], side: str, errors: dict[str, DashboardError]) -> T | None:
    """What a read gives, or None with its error noted: the first of each kind on each side."""
    try:
        return read()
    except DashboardError as error:
        errors.setdefault(f"{side} {type(error).__name__}", error)
        return None


def recent_rates(feed: TopicFeed) -> tuple[Rate, ...]:
    """Events per second of the last RATE_WINDOW_S seconds."""
    return feed.series.picture(_PER_SECOND, time.time()).rates


def known_locations() -> list[str]:
    """The locations of the records that the pages show, without the canary's. Raises DashboardError."""
    locations = (item.get("Location", "") for item in pipeline().records.get().value.items)
    return sorted(location for location in locations if not location.startswith(RESERVED_PREFIX))
