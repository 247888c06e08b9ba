"""Views of the live topic, pushed to any number of viewers: each distinct view is drawn and encoded once for all.

Lives on one asyncio loop; only `_news` is called by the feed's thread. Nothing runs while nobody looks. For each view
that is watched there is one task:

    an event comes ─ the feed's thread wakes the loop, once for many ─> the task takes the view's picture
    ─> encodes what is different from what it sent last ─> gives the same bytes to every viewer of the view

It sends at once when nothing was sent for `interval_s`, and then at most every `interval_s`. A new viewer, and one who
did not read for so long that its queue was full, gets the whole picture. Who reads nothing for `patience_s` is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from core.errors import DashboardError, Throttled
from core.mishaps import Net
from services.live import messages
from services.live.messages import Sight
from services.topic.buffer import FeedSnapshot
from services.topic.series import TopicSeries, View
from services.topic.subscription_state import FeedState, FeedStatus

logger = logging.getLogger(__name__)


class Feed(Protocol):
    """What is asked of the topic's feed."""

    series: TopicSeries

    @property
    def version(self) -> int: ...
    def status(self) -> FeedStatus: ...
    def snapshot(self, limit: int = ..., after: int | None = ...) -> FeedSnapshot: ...
    def watch(self, notify: Callable[[], None]) -> None: ...
    def unwatch(self, notify: Callable[[], None]) -> None: ...


@dataclass(frozen=True)
class PushTiming:
    """In seconds: between two messages of a view; between two looks at the feed's state; without a message until a
    beat; how long a viewer may read nothing."""

    interval_s: float = 0.3
    look_s: float = 1.0
    beat_s: float = 10.0
    patience_s: float = 30.0


class Viewer:
    """One open stream. The hub puts messages in, whoever serves the stream takes them out."""

    #: Messages that wait for a viewer; one more, and it gets a whole picture instead of all of them.
    LIMIT = 8

    def __init__(self, view: View) -> None:
        self.view = view
        self.needs_picture = True
        #: Set when no message comes any more.
        self.gone = asyncio.Event()
        self._waiting: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._behind_since: float | None = None

    @property
    def queued(self) -> int:
        """How many messages wait to be taken."""
        return len(self._waiting)

    @property
    def ended(self) -> bool:
        """Whether no message comes any more."""
        return self.gone.is_set()

    def offer(self, message: bytes, now: float) -> None:
        """Puts a message in; a full queue is emptied, and the viewer is behind until it reads again."""
        if self._behind_since is not None:
            return
        if len(self._waiting) >= self.LIMIT:
            self._waiting.clear()
            self._behind_since = now
            return
        self._waiting.append(message)
        self._changed.set()

    def behind_for(self, now: float) -> float:
        """For how many seconds of the loop's clock this viewer has read nothing although its queue was full."""
        return 0.0 if self._behind_since is None else now - self._behind_since

    def end(self) -> None:
        """No message comes any more; `take` returns None at once."""
        self.gone.set()
        self._waiting.clear()
        self._changed.set()

    async def take(self) -> bytes | None:
        """The next message, waiting for it, or None at the end."""
        if self._behind_since is not None:
            self._behind_since, self.needs_picture = None, True
        while not self._waiting and not self.ended:
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft() if self._waiting else None


class LiveHub:
    """All viewers. Its methods belong to the loop that serves the streams."""

    def __init__(self, source: Callable[[], Feed], timing: PushTiming | None = None, most_viewers: int = 2_000) -> None:
        self._source = source
        self.timing = timing or PushTiming()
        self._most_viewers = most_viewers
        self._audiences: dict[View, _Audience] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.Task[None] | None = None
        self._woken = False
        self.feed: Feed | None = None
        #: Why there is no feed; None also while it has not been looked for.
        self.failure: DashboardError | None = None

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return sum(len(audience.viewers) for audience in self._audiences.values())

    @property
    def audiences(self) -> int:
        """How many distinct views are watched."""
        return len(self._audiences)

    def join(self, view: View) -> Viewer:
        """A new viewer of this view. Raises Throttled when there are too many."""
        if self.viewers >= self._most_viewers:
            raise Throttled(f"{self._most_viewers:,} live views are open already.", "Try again in a minute.")
        self._loop = asyncio.get_running_loop()
        if self._following is None or self._following.done():
            self._following = self._loop.create_task(self._follow_the_feed())
        audience = self._audiences.get(view)
        if audience is None:
            audience = self._audiences[view] = _Audience(self, view)
        viewer = Viewer(view)
        audience.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forgets a viewer; with the last one of a view its task ends, and with the last of all nothing runs."""
        viewer.end()
        audience = self._audiences.get(viewer.view)
        if audience is None:
            return
        audience.viewers.discard(viewer)
        if not audience.viewers:
            del self._audiences[viewer.view]
            audience.stop()
        if not self._audiences:
            self._rest()

    def close(self) -> None:
        """Ends every stream, so that a server that waits for its connections can end."""
        for audience in tuple(self._audiences.values()):
            for viewer in tuple(audience.viewers):
                self.leave(viewer)

    def look(self) -> None:
        """What arrives from now on wakes the loop again."""
        self._woken = False

    def _rest(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        self.failure = None
        self._attach(None)

    async def _follow_the_feed(self) -> None:
        """Finds the feed, and another one when the sandbox was started anew. A live one needs no looking after."""
        known: set[str] = set()
        while True:
            with Net(logger, "Following the feed for the live views", known):
                if self.feed is None or self.feed.status().state is not FeedState.LIVE:
                    await self._find_the_feed()
            await asyncio.sleep(self.timing.look_s)

    async def _find_the_feed(self) -> None:
        found: Feed | None = None
        with Net(logger, "Finding the feed for the live views") as net:
            # A connection to a sandbox that was started anew takes time that the loop does not have.
            found = await asyncio.to_thread(self._source)
        self.failure = net.error or self.failure
        self._attach(found)

    def _attach(self, feed: Feed | None) -> None:
        if feed is self.feed:
            return
        if self.feed is not None:
            self.feed.unwatch(self._news)
        self.feed = feed
        if feed is not None:
            feed.watch(self._news)
        self._wake()

    def _news(self) -> None:
        """Called by the feed's thread for each event; wakes the loop once until the next look."""
        if self._woken or self._loop is None:
            return
        self._woken = True
        # The loop may have been closed since.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for audience in self._audiences.values():
            audience.wake()


class _Audience:
    """The viewers of one view, and the task that sends to them."""

    def __init__(self, hub: LiveHub, view: View) -> None:
        self.viewers: set[Viewer] = set()
        self._hub = hub
        self._view = view
        self._loop = asyncio.get_running_loop()
        self._wakeup = asyncio.Event()
        self._feed: Feed | None = None
        self._sent: Sight | None = None
        self._sent_failure: DashboardError | None = None
        self._sent_at = -1e9
        self._task = self._loop.create_task(self._run())

    def add(self, viewer: Viewer) -> None:
        """One more viewer, who soon gets a whole picture."""
        self.viewers.add(viewer)
        self.wake()

    def wake(self) -> None:
        """There may be something to say."""
        self._wakeup.set()

    def stop(self) -> None:
        """Ends the task."""
        self._task.cancel()

    async def _run(self) -> None:
        timing = self._hub.timing
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wakeup.wait(), timing.look_s)
                await asyncio.sleep(max(0.0, self._sent_at + timing.interval_s - self._loop.time()))
                self._wakeup.clear()
                self._hub.look()
                self._drop_the_silent()
                self._say()
        except Exception:
            # Streams that say nothing look like a quiet topic; ended ones are opened again by the browser.
            logger.exception("a live view failed; its viewers connect again")
            for viewer in tuple(self.viewers):
                self._hub.leave(viewer)

    def _drop_the_silent(self) -> None:
        now = self._loop.time()
        for viewer in tuple(self.viewers):
            if viewer.behind_for(now) > self._hub.timing.patience_s:
                self._hub.leave(viewer)

    def _say(self) -> None:
        feed = self._hub.feed
        if feed is not self._feed:
            self._feed, self._sent, self._sent_failure = feed, None, None
            for viewer in self.viewers:
                viewer.needs_picture = True
        if feed is not None:
            self._say_what_is_new(feed)
        elif self._hub.failure is not None:
            self._say_that_it_is_down(self._hub.failure)

    def _say_that_it_is_down(self, failure: DashboardError) -> None:
        message = messages.down(failure.what, failure.advice, time.time())
        newcomers = [viewer for viewer in self.viewers if viewer.needs_picture]
        if str(failure) != str(self._sent_failure or "") or self._is_time_for_a_beat():
            self._send(message, self.viewers)
        else:
            self._send(message, newcomers)
        self._sent_failure = failure
        for viewer in newcomers:
            viewer.needs_picture = False

    def _say_what_is_new(self, feed: Feed) -> None:
        now = time.time()
        newcomers = [viewer for viewer in self.viewers if viewer.needs_picture]
        others = [viewer for viewer in self.viewers if not viewer.needs_picture]
        before, after = self._sent, self._sight(feed, now)
        if before is not None and others:
            message = messages.change(before, after, now)
            if message is not None:
                self._send(message, others)
            elif self._is_time_for_a_beat():
                self._send(messages.beat(after.status, now), others)
        if newcomers:
            newest = feed.snapshot(limit=messages.LOOKED_AT).events
            self._send(messages.whole(Sight(after.picture, after.status, newest, after.events_until), now), newcomers)
            for viewer in newcomers:
                viewer.needs_picture = False
        self._sent = after

    def _sight(self, feed: Feed, now: float) -> Sight:
        """What there is to see now, with the events since the last time."""
        seen = feed.version if self._sent is None else self._sent.events_until
        snapshot = feed.snapshot(limit=messages.LOOKED_AT, after=seen)
        return Sight(feed.series.picture(self._view, now), feed.status(), snapshot.events, snapshot.version)

    def _is_time_for_a_beat(self) -> bool:
        return self._loop.time() - self._sent_at >= self._hub.timing.beat_s

    def _send(self, message: bytes, viewers: list[Viewer] | set[Viewer]) -> None:
        now = self._loop.time()
        for viewer in viewers:
            viewer.offer(message, now)
        if viewers:
            self._sent_at = now
