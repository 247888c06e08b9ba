"""services/topic/subscription.py against the sandbox: one subscription that survives everything but `close`."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import grpc
import pytest
from momento_wire_types import cachepubsub_pb2, cachepubsub_pb2_grpc

from core.errors import Unreachable
from core.momento_channel import failure
from core.momento_client import MomentoCache
from core.momento_keys import MomentoAddress, for_sandbox, for_service
from services.topic.events import TopicEvent
from services.topic.series import WINDOWS, View
from services.topic.subscription import SANDBOX_TIMING, SERVICE_TIMING, FeedTiming, TopicFeed
from services.topic.subscription_state import FeedState
from tests.conftest import wait_until
from tests.support.running_momento import RunningMomento, odd_momento
from tests.unit.core.test_momento_keys import V2

CACHE, TOPIC = "weather", "changes"
QUICK = FeedTiming(silence_s=10, refused_retry_s=0.3, first_retry_s=0.05, last_retry_s=0.2)
OSLO = json.dumps(
    {"EventType": "INSERT", "Location": "Oslo", "MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "9"}
)

MakeFeed = Callable[..., TopicFeed]


@pytest.fixture
def momento() -> Iterator[RunningMomento]:
    running = RunningMomento()
    yield running
    running.end()


@pytest.fixture
def client(momento: RunningMomento) -> Iterator[MomentoCache]:
    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    yield client
    client.close()


@pytest.fixture
def make_feed(momento: RunningMomento) -> Iterator[MakeFeed]:
    feeds: list[TopicFeed] = []

    def make(address: MomentoAddress | None = None, timing: FeedTiming = QUICK, capacity: int = 50_000) -> TopicFeed:
        feed = TopicFeed(address or momento.address(), CACHE, TOPIC, capacity, timing)
        feeds.append(feed)
        feed.start()
        return feed

    yield make
    for feed in feeds:
        feed.close()


def wait_for_state(feed: TopicFeed, state: FeedState) -> None:
    wait_until(lambda: feed.status().state is state, what=f"state {state.name}")


def received(feed: TopicFeed) -> list[tuple[int, str | bytes]]:
    return [(event.sequence, event.raw) for event in feed.snapshot(10_000).events]


def anything(event: TopicEvent) -> bool:
    return True


def test_a_published_event_arrives_parsed_and_counted(client: MomentoCache, make_feed: MakeFeed) -> None:
    feed = make_feed()
    wait_for_state(feed, FeedState.LIVE)
    version = feed.version

    client.publish(CACHE, TOPIC, OSLO)

    event = feed.wait_for(lambda event: event.location == "Oslo", 20, since_version=version)
    assert event is not None
    assert (event.event_type, event.max_temp, event.sequence, event.problem) == ("INSERT", 70.0, 1, None)
    assert [rate.insert for rate in feed.series.picture(View(WINDOWS[0]), time.time()).rates] == [1]
    wait_until(lambda: feed.status().received == 1)


def test_heartbeats_show_that_a_silent_topic_is_followed(client: MomentoCache, make_feed: MakeFeed) -> None:
    feed = make_feed()
    wait_for_state(feed, FeedState.LIVE)
    first = feed.status()

    wait_until(lambda: feed.status().last_heartbeat_at != first.last_heartbeat_at, what="another heartbeat")

    assert feed.status().since == first.since
    assert feed.status().last_event_at is None


def test_the_last_message_before_the_start_is_kept(client: MomentoCache, make_feed: MakeFeed) -> None:
    client.publish(CACHE, TOPIC, "first")
    client.publish(CACHE, TOPIC, "second")

    feed = make_feed()

    assert feed.wait_for(anything, 20, since_version=0) is not None
    assert received(feed) == [(2, "second")]
    wait_until(lambda: feed.status().sequence == 2)
    assert (feed.status().missed, feed.status().malformed) == (0, 1)


def test_nothing_is_lost_or_doubled_while_momento_comes_and_goes(
    momento: RunningMomento, client: MomentoCache, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    wait_for_state(feed, FeedState.LIVE)
    done = threading.Event()

    def publish_without_rest() -> None:
        number = 0
        while not done.is_set():
            try:
                client.publish(CACHE, TOPIC, f"message {number}")
                number += 1
            except Unreachable:
                pass
            time.sleep(0.005)

    publisher = threading.Thread(target=publish_without_rest)
    publisher.start()
    for returns in (1, 2):
        version = feed.version
        assert feed.wait_for(anything, 20, since_version=version) is not None
        momento.stop_listening()
        wait_for_state(feed, FeedState.RECONNECTING)
        assert "nothing answers" in feed.status().reason
        momento.start_listening()
        wait_until(lambda returns=returns: feed.status().reconnects == returns, what="the return")
    version = feed.version
    assert feed.wait_for(anything, 20, since_version=version) is not None
    done.set()
    publisher.join()

    published = momento.service.stats()["published"]
    wait_until(lambda: feed.status().received == published, what="all messages")
    assert [sequence for sequence, _ in received(feed)] == list(range(1, published + 1))
    assert feed.status().missed == 0


def test_a_long_outage_does_not_make_it_wait_longer() -> None:
    waits = [SANDBOX_TIMING.after_losses_s(failures) for failures in range(1, 200)]

    assert max(waits) <= 1.0
    assert len(set(waits[10:])) > 100, "many dashboards must not come back in the same moment"
    assert max(SERVICE_TIMING.after_losses_s(failures) for failures in range(1, 200)) <= 1.8
    assert 0.5 <= SANDBOX_TIMING.after_refusal_s() <= 1.0


def test_messages_that_momento_repeats_are_taken_once(make_feed: MakeFeed) -> None:
    def replay_everything(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        lives.append(request)
        yield _wire(heartbeat={})
        for sequence in range(1, len(lives) + 2):
            item = {"topic_sequence_number": sequence, "sequence_page": 1, "value": {"text": str(sequence)}}
            yield _wire(item=item)

    lives: list[bytes] = []
    with odd_momento("cache_client.pubsub.Pubsub", "Subscribe", replay_everything) as address:
        feed = make_feed(address)
        wait_until(lambda: feed.version >= 4, what="the third life")
        feed.close()

    sequences = [sequence for sequence, _ in received(feed)]
    assert sequences == list(range(1, len(sequences) + 1))
    assert feed.status().received == len(sequences)


def test_an_empty_topic_that_fills_while_the_feed_is_away_is_read_whole(
    momento: RunningMomento, client: MomentoCache, make_feed: MakeFeed
) -> None:
    feed = make_feed(timing=FeedTiming(silence_s=10, refused_retry_s=1.5))
    wait_for_state(feed, FeedState.LIVE)

    momento.stop_listening()
    momento.keys.revoke()
    momento.start_listening()
    wait_for_state(feed, FeedState.REFUSED)
    momento.keys.restore()
    _publish_once_reachable(client, "first")
    client.publish(CACHE, TOPIC, "second")

    wait_until(lambda: feed.status().received == 2)
    assert received(feed) == [(1, "first"), (2, "second")]


def test_a_topic_that_began_anew_counts_what_was_missed(client: MomentoCache, make_feed: MakeFeed) -> None:
    feed = make_feed(timing=FeedTiming(silence_s=10, refused_retry_s=1.5))
    client.publish(CACHE, TOPIC, "old")
    assert feed.wait_for(anything, 20, since_version=0) is not None

    client.delete_cache(CACHE)
    wait_for_state(feed, FeedState.REFUSED)
    client.create_cache(CACHE)
    for number in range(1, 6):
        client.publish(CACHE, TOPIC, f"new {number}")

    wait_for_state(feed, FeedState.LIVE)
    wait_until(lambda: received(feed)[-1] == (5, "new 5"))
    wait_until(lambda: feed.status().sequence == 5)
    assert feed.status().received + feed.status().missed == 6
    (gap,) = feed.status().gaps
    assert gap.began_anew
    assert (gap.last_sequence, gap.missed) == (1, feed.status().missed)
    client.publish(CACHE, TOPIC, "new 6")
    wait_until(lambda: received(feed)[-1] == (6, "new 6"))


def test_a_missing_cache_is_a_refusal_until_it_exists(momento: RunningMomento, make_feed: MakeFeed) -> None:
    feed = make_feed()
    wait_for_state(feed, FeedState.REFUSED)
    assert "Cache not found" in feed.status().reason

    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    client.close()

    wait_for_state(feed, FeedState.LIVE)
    assert (feed.status().reason, feed.status().reconnects) == ("", 0)


def test_a_wrong_key_is_a_refusal_that_never_shows_it(
    momento: RunningMomento, client: MomentoCache, make_feed: MakeFeed
) -> None:
    feed = make_feed(momento.address(token="wrong-key"))

    wait_for_state(feed, FeedState.REFUSED)
    assert "the key was refused" in feed.status().reason
    assert "wrong-key" not in repr(feed.status())


def test_a_host_name_that_does_not_resolve_is_named_with_what_to_do(make_feed: MakeFeed) -> None:
    address = for_service(V2, endpoint="cell-9-us-west-9-1.prod.a.momentohq.invalid")
    feed = make_feed(address)

    wait_for_state(feed, FeedState.RECONNECTING)
    reason = feed.status().reason
    assert "the host name cache.cell-9-us-west-9-1.prod.a.momentohq.invalid does not resolve" in reason
    assert "the endpoint or its region is wrong: set MOMENTO_ENDPOINT" in reason


@pytest.mark.parametrize(
    ("code", "details", "words"),
    [
        (
            grpc.StatusCode.NOT_FOUND,
            "Cache not found",
            ("Cache not found", "belongs to one region", "MOMENTO_ENDPOINT"),
        ),
        (grpc.StatusCode.UNAUTHENTICATED, "Invalid token", ("the key was refused", "made for this endpoint")),
        (grpc.StatusCode.PERMISSION_DENIED, "No", ("the key was refused", "may use this cache")),
    ],
)
def test_refusals_of_the_service_are_told_apart(code: grpc.StatusCode, details: str, words: tuple[str, ...]) -> None:
    def refuse(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.abort(code, details)
        yield b""

    with odd_momento("cache_client.pubsub.Pubsub", "Subscribe", refuse) as address:
        with grpc.insecure_channel(address.cache_target) as channel:
            request = cachepubsub_pb2._SubscriptionRequest(cache_name=CACHE, topic=TOPIC)
            call = cachepubsub_pb2_grpc.PubsubStub(channel).Subscribe(request)
            with pytest.raises(grpc.RpcError) as refusal:
                list(call)
        error = failure(refusal.value, "Subscribing", replace(address, tls=True))

    assert all(part in str(error) for part in words), str(error)


def test_a_stream_without_heartbeats_is_torn_down_and_opened_again(
    client: MomentoCache, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.momento.topic_rpc.HEARTBEAT_SECONDS", 3600)
    feed = make_feed(timing=FeedTiming(silence_s=0.4, refused_retry_s=1, first_retry_s=0.5))
    wait_for_state(feed, FeedState.LIVE)

    wait_until(lambda: "no heartbeat for 0.4 s" in feed.status().reason, what="the end of patience")
    wait_until(lambda: feed.status().reconnects >= 1, what="the return")
    monkeypatch.undo()


def test_the_buffer_is_bounded_and_the_count_is_not(client: MomentoCache, make_feed: MakeFeed) -> None:
    feed = make_feed(capacity=3)
    wait_for_state(feed, FeedState.LIVE)

    for number in range(1, 9):
        client.publish(CACHE, TOPIC, str(number))

    wait_until(lambda: feed.status().received == 8)
    assert received(feed) == [(6, "6"), (7, "7"), (8, "8")]


def test_closing_leaves_no_thread_and_keeps_what_was_received(
    momento: RunningMomento, client: MomentoCache, make_feed: MakeFeed
) -> None:
    before = set(threading.enumerate())
    feed = make_feed()
    wait_for_state(feed, FeedState.LIVE)
    client.publish(CACHE, TOPIC, OSLO)
    assert feed.wait_for(anything, 20, since_version=0) is not None

    feed.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("topic-feed")]
    wait_until(lambda: set(threading.enumerate()) <= before, what="the threads of gRPC to end")
    wait_until(lambda: momento.service.stats()["subscribers"] == 0, what="the subscription to end")
    assert feed.status().state is FeedState.STOPPED
    assert len(received(feed)) == 1


def test_closing_ends_a_connection_attempt_that_hangs() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        feed = TopicFeed(for_sandbox("127.0.0.1", listening.getsockname()[1], "http://x", "key"), CACHE, TOPIC)
        feed.start()
        feed.start()

        feed.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("topic-feed")]
    assert feed.status().state is FeedState.STOPPED


def test_nobody_waits_for_a_closed_feed(client: MomentoCache, make_feed: MakeFeed) -> None:
    feed = make_feed()
    closer = threading.Timer(0.05, feed.close)
    closer.start()

    assert feed.wait_for(anything, 60, since_version=0) is None
    closer.join()


def _wire(**content: object) -> bytes:
    encoded: bytes = cachepubsub_pb2._SubscriptionItem(**content).SerializeToString()
    return encoded


def _publish_once_reachable(client: MomentoCache, text: str) -> None:
    def published() -> bool:
        try:
            client.publish(CACHE, TOPIC, text)
        except Unreachable:
            return False
        return True

    wait_until(published, what="Momento to take a message")
