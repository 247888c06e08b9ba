"""A topic's feed without its subscription, for tests of what is pushed: the real buffer, series and status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from services.topic.buffer import FeedSnapshot, TopicBuffer
from services.topic.events import TopicEvent, parse_event
from services.topic.series import TopicSeries
from services.topic.subscription_state import FeedState, FeedStatus


class LocalFeed:
    """What services.live.broadcast asks of a feed; `publish` takes an event in as the subscription's thread does."""

    def __init__(self) -> None:
        self.series = TopicSeries()
        self.state = FeedStatus(FeedState.LIVE, since=time.time(), last_heartbeat_at=time.time())
        self.watchers: list[Callable[[], None]] = []
        self._buffer = TopicBuffer(5_000)

    @property
    def version(self) -> int:
        return self._buffer.version

    def status(self) -> FeedStatus:
        return self.state

    def snapshot(self, limit: int = 1000, after: int | None = None) -> FeedSnapshot:
        return self._buffer.snapshot(limit, after)

    def watch(self, notify: Callable[[], None]) -> None:
        self.watchers.append(notify)

    def unwatch(self, notify: Callable[[], None]) -> None:
        self.watchers.remove(notify)

    def publish(self, location: str, event_type: str = "MODIFY", high: str = "70", low: str = "50") -> TopicEvent:
        """One weather event, received now."""
        numbers = {"MaxTemp": high, "MinTemp": low, "ChancesOfPrecipitation": "10"}
        if event_type == "REMOVE":
            numbers = dict.fromkeys(numbers, "")
        event = parse_event(
            json.dumps({"EventType": event_type, "Location": location, **numbers}), self.version + 1, 7, time.time()
        )
        self.series.take(event)
        self._buffer.append(event)
        self.state = replace(self.state, received=self.version, last_event_at=event.received_at)
        for notify in tuple(self.watchers):
            notify()
        return event

    def lose(self, reason: str) -> None:
        """The subscription is lost."""
        self.state = replace(self.state, state=FeedState.RECONNECTING, since=time.time(), reason=reason)
        for notify in tuple(self.watchers):
            notify()
