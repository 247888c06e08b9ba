"""The one subscription to the topic that the process keeps, however many people look (DESIGN decision 7).

The SDK's own iterator stops receiving after 5 s and then spins a core (facts/momento.md section 4), so the stream
stub is read here directly, without a deadline, in one thread. A second, almost always sleeping thread ends a
stream on which nothing came for too long: Momento sends heartbeats, so silence means that the connection is dead.
After every loss a fresh channel subscribes again from the message after the newest one seen.

Assumptions: the cadence of the real service's heartbeats is not specified; half a minute of silence is taken as
death there. The embedded Momento sends one each second.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc
from momento_wire_types import cachepubsub_pb2, cachepubsub_pb2_grpc

from core.config import TOPIC_CAPACITY
from core.errors import DashboardError, NotAuthorized, NotFound, Throttled, Unreachable
from core.mishaps import Net
from core.momento_channel import authorization, failure, open_data_channel
from core.momento_keys import MomentoAddress
from services.topic import subscription_state
from services.topic.buffer import FeedSnapshot, Holding, TopicBuffer
from services.topic.events import TopicEvent, parse_event
from services.topic.history import HistoryStatus, TopicHistory
from services.topic.series import TopicSeries
from services.topic.subscription_state import FeedState, FeedStatus

logger = logging.getLogger(__name__)

_REFUSALS = (NotAuthorized, NotFound, Throttled)


@dataclass(frozen=True)
class FeedTiming:
    """The patience of a feed, in seconds: how long silence may last, and how long to wait before a retry.

    After losses the wait doubles from `first_retry_s` to `last_retry_s`; after a refusal it is `refused_retry_s`. All
    with jitter: between half of it and all of it, so that many dashboards do not come back in the same moment.
    """

    silence_s: float
    refused_retry_s: float
    first_retry_s: float = 0.2
    last_retry_s: float = 1.0

    def after_losses_s(self, failures: int) -> float:
        """The wait after so many losses in a row."""
        return _jittered(min(self.last_retry_s, self.first_retry_s * 2.0 ** min(failures - 1, 10)))

    def after_refusal_s(self) -> float:
        """The wait after a refusal."""
        return _jittered(self.refused_retry_s)


def _jittered(longest_s: float) -> float:
    return longest_s * random.uniform(0.5, 1.0)


#: The sandbox is on this machine, and its cache may be created seconds after the feed starts. A feed is live again
#: within 2 s of its return, however long it was away.
SANDBOX_TIMING = FeedTiming(silence_s=10.0, refused_retry_s=1.0)
#: One dial each 0.9 to 1.8 s from one process costs the service little, and keeps the same 2 s. A refusal is no outage.
SERVICE_TIMING = FeedTiming(silence_s=30.0, refused_retry_s=10.0, last_retry_s=1.8)


class TopicFeed:
    """Follows one topic from `start` to `close` and keeps its newest `capacity` messages in memory.

    The first subscription replays the topic's last message: it is real, and it is kept. With a `history`, the messages
    of earlier runs come first, and a Momento that is still the same is asked for all since the last of them. `series`
    counts the messages over time, for the charts.
    """

    def __init__(
        self,
        address: MomentoAddress,
        cache: str,
        topic: str,
        capacity: int = TOPIC_CAPACITY,
        timing: FeedTiming | None = None,
        history: TopicHistory | None = None,
    ) -> None:
        self._address = address
        self._cache = cache
        self._topic = topic
        self._capacity = capacity
        self._history = history
        self._timing = timing or (SERVICE_TIMING if address.tls else SANDBOX_TIMING)
        self._buffer = TopicBuffer(capacity)
        self.series = TopicSeries()
        self._status = FeedStatus(FeedState.CONNECTING, since=time.time(), reason="Connecting.")
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: tuple[threading.Thread, ...] = ()
        self._call: Any = None
        self._last_sign = time.monotonic()
        self._failures = 0
        self._mishaps: set[str] = set()
        self._watchers: tuple[Callable[[], None], ...] = ()

    def start(self) -> None:
        """Begin to follow the topic, in the background. Once is enough; more often does nothing."""
        with self._lock:
            if self._threads or self._stop.is_set():
                return
            self._threads = (
                threading.Thread(target=self._follow, name="topic-feed", daemon=True),
                threading.Thread(target=self._watch, name="topic-feed-watch", daemon=True),
            )
            for thread in self._threads:
                thread.start()
            if self._history is not None:
                self._history.start()

    def close(self) -> None:
        """Stop following, for good; done within 3 s. What was received stays readable."""
        with self._lock:
            self._stop.set()
            call = self._call
        if call is not None:
            call.cancel()
        deadline = time.monotonic() + 1.9
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._status = subscription_state.stopped(self._status, time.time())
        self._buffer.close()
        if self._history is not None:
            self._history.close()

    def status(self) -> FeedStatus:
        """How the subscription is doing, now."""
        return self._status

    @property
    def version(self) -> int:
        """How many messages were ever taken in, restored ones included; a moment for `snapshot` and `wait_for`."""
        return self._buffer.version

    def snapshot(self, limit: int = 1000, after: int | None = None) -> FeedSnapshot:
        """The newest `limit` messages, oldest first; with `after`, only those that came after that version.

        The same object for everyone until the next message comes.
        """
        return self._buffer.snapshot(limit, after)

    def event(self, number: int) -> TopicEvent | None:
        """The message of this number, the first ever being 1 (`FeedSnapshot.first_number`); None if it is not held."""
        return self._buffer.event(number)

    def find(self, page: int, sequence: int) -> TopicEvent | None:
        """The message with Momento's own page and sequence number, which a link may name; None if it is not held."""
        return self._buffer.find(page, sequence)

    def holding(self) -> Holding:
        """How full the memory for messages is, and whether large payloads leave room for fewer."""
        return self._buffer.holding()

    def history(self) -> HistoryStatus | None:
        """How the file of earlier messages is doing; None when there is none."""
        return self._history.status() if self._history is not None else None

    def wait_for(
        self, predicate: Callable[[TopicEvent], bool], timeout_s: float, since_version: int
    ) -> TopicEvent | None:
        """The first message after `since_version` that fits, waiting up to `timeout_s` seconds for it, or None.

        Take `version` before the act whose message is awaited, so that a quick message is not missed.
        """
        return self._buffer.wait_for(predicate, timeout_s, since_version)

    def watch(self, notify: Callable[[], None]) -> None:
        """Calls `notify` after each message, each loss and each refusal, in the feed's thread: it has to be quick."""
        with self._lock:
            self._watchers = (*self._watchers, notify)

    def unwatch(self, notify: Callable[[], None]) -> None:
        """Ends what `watch` began."""
        with self._lock:
            self._watchers = tuple(known for known in self._watchers if known != notify)

    def _tell(self) -> None:
        for notify in self._watchers:
            with Net(logger, "Telling who watches the topic", self._mishaps):
                notify()

    def _restore(self, history: TopicHistory) -> None:
        """Read what earlier runs stored, and where to go on in the stream."""
        restored, until = 0, 0.0
        with closing(history.load(self._capacity)) as events:
            for event in events:
                if self._stop.is_set():
                    return
                self.series.take(event)
                self._buffer.restore(event)
                restored, until = restored + 1, event.received_at
        if restored:
            self._status = subscription_state.with_history(self._status, restored, until, history.resume_point())

    def _follow(self) -> None:
        if self._history is not None:
            # Whatever somebody else wrote into that file, the stream is followed.
            with Net(logger, "Restoring the topic's history"):
                self._restore(self._history)
        while not self._stop.is_set():
            # A dead thread would leave a page that says LIVE for ever.
            with Net(logger, "The topic feed", self._mishaps) as net:
                self._read_one_stream()
            if isinstance(net.error, _REFUSALS):
                delay_s = self._refused(net.error)
            else:
                delay_s = self._lost("Momento ended the subscription." if net.error is None else str(net.error))
            self._stop.wait(delay_s)

    def _read_one_stream(self) -> None:
        """Read one stream until it ends. Raises what ended it, if that was an error."""
        channel = open_data_channel(self._address)
        try:
            call = self._subscribe(channel)
            if call is None:
                return
            for message in call:
                self._last_sign = time.monotonic()
                if self._status.state is FeedState.LIVE:
                    self._failures = 0
                self._take(message)
        except grpc.RpcError as error:
            raise self._reason(error) from None
        finally:
            self._call = None
            channel.close()

    def _subscribe(self, channel: grpc.Channel) -> Any:
        sequence, page = subscription_state.resume_point(self._status)
        request = cachepubsub_pb2._SubscriptionRequest(
            cache_name=self._cache,
            topic=self._topic,
            resume_at_topic_sequence_number=sequence,
            sequence_page=page,
        )
        with self._lock:
            if self._stop.is_set():
                return None
            self._last_sign = time.monotonic()
            stub = cachepubsub_pb2_grpc.PubsubStub(channel)
            self._call = stub.Subscribe(request, metadata=(authorization(self._address),))
            return self._call

    def _take(self, message: Any) -> None:
        now = time.time()
        kind = message.WhichOneof("kind")
        if kind == "item":
            self._take_item(message.item, now)
        elif kind == "discontinuity":
            gap = message.discontinuity
            self._status = subscription_state.with_discontinuity(
                self._status, gap.new_topic_sequence, gap.new_sequence_page, now
            )
        else:
            self._status = subscription_state.with_heartbeat(self._status, now)

    def _take_item(self, item: Any, now: float) -> None:
        sequence, page = item.topic_sequence_number, item.sequence_page
        if subscription_state.is_duplicate(self._status, sequence, page):
            # A repeated message proves life as a heartbeat does.
            self._status = subscription_state.with_heartbeat(self._status, now)
            return
        value = item.value
        raw = value.binary if value.WhichOneof("kind") == "binary" else value.text
        event = parse_event(raw, sequence, page, now)
        self.series.take(event)
        self._buffer.append(event)
        if self._history is not None:
            self._history.append(event)
        malformed = event.problem is not None
        self._status = subscription_state.with_message(self._status, sequence, page, malformed, now)
        self._tell()

    def _watch(self) -> None:
        """Cancel the stream when nothing came on it for too long; the reader then starts another."""
        while not self._stop.wait(self._timing.silence_s / 4):
            call = self._call
            if call is not None and self._is_silent():
                with Net(logger, "Ending a silent subscription", self._mishaps):
                    call.cancel()

    def _is_silent(self) -> bool:
        return time.monotonic() - self._last_sign > self._timing.silence_s

    def _reason(self, error: grpc.RpcError) -> DashboardError:
        tried = f"Subscribing to topic {self._topic} of cache {self._cache}"
        if self._is_silent():
            seconds = f"{self._timing.silence_s:g} s"
            return Unreachable(f"{tried} at {self._address.label}: no heartbeat for {seconds}.")
        return failure(error, tried, self._address)

    def _lost(self, reason: str) -> float:
        self._failures += 1
        self._status = subscription_state.with_loss(self._status, reason, time.time())
        self._tell()
        return self._timing.after_losses_s(self._failures)

    def _refused(self, error: DashboardError) -> float:
        self._status = subscription_state.with_refusal(self._status, str(error), time.time())
        self._tell()
        return self._timing.after_refusal_s()
