"""The feed with its history on disk: a restart of the dashboard empties nothing, loses nothing and doubles nothing."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.momento_client import MomentoCache
from sandbox.state import SandboxState
from services.app import runtime
from services.topic.events import TopicEvent
from services.topic.history import Source, TopicHistory
from services.topic.series import WINDOWS, View
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState
from tests.conftest import wait_until
from tests.support.running_momento import RunningMomento
from tests.support.running_pipeline import a_location, a_record, put_and_follow

CACHE, TOPIC = "weather", "changes"
MakeFeed = Callable[..., TopicFeed]


@pytest.fixture
def momento() -> Iterator[RunningMomento]:
    running = RunningMomento()
    client = MomentoCache(running.address())
    client.create_cache(CACHE)
    client.close()
    yield running
    running.end()


@pytest.fixture
def make_feed(tmp_path: Path) -> Iterator[MakeFeed]:
    feeds: list[TopicFeed] = []

    def make(momento: RunningMomento, run: str = "run-1", capacity: int = 1_000) -> TopicFeed:
        history = TopicHistory(tmp_path / "topic-history.db", Source("sandbox", run))
        feed = TopicFeed(momento.address(), CACHE, TOPIC, capacity, history=history)
        feeds.append(feed)
        feed.start()
        wait_until(lambda: feed.status().state is FeedState.LIVE, what="the start")
        return feed

    yield make
    for feed in feeds:
        feed.close()


def publish(momento: RunningMomento, *texts: str) -> None:
    client = MomentoCache(momento.address())
    for text in texts:
        client.publish(CACHE, TOPIC, text)
    client.close()


def received(feed: TopicFeed) -> list[str | bytes]:
    return [event.raw for event in feed.snapshot(1_000).events]


def test_a_restart_shows_what_was_and_goes_on_where_it_stopped(momento: RunningMomento, make_feed: MakeFeed) -> None:
    first = make_feed(momento)
    publish(momento, "a", "b", "c")
    wait_until(lambda: first.status().received == 3)
    first.close()
    publish(momento, "d", "e")

    second = make_feed(momento)

    wait_until(lambda: second.status().received == 2, what="what came while nobody listened")
    publish(momento, "f")
    wait_until(lambda: second.status().received == 3)
    assert received(second) == ["a", "b", "c", "d", "e", "f"]
    status = second.status()
    assert (status.restored, status.missed, status.gaps, status.reconnects) == (3, 0, (), 0)
    counted = second.series.picture(View(WINDOWS[2]), time.time()).rates
    assert sum(rate.other for rate in counted) == 6


def test_a_restart_with_nothing_new_repeats_nothing(momento: RunningMomento, make_feed: MakeFeed) -> None:
    first = make_feed(momento)
    publish(momento, "a", "b")
    wait_until(lambda: first.status().received == 2)
    first.close()

    second = make_feed(momento)
    publish(momento, "c")
    wait_until(lambda: second.status().received == 1)

    assert received(second) == ["a", "b", "c"]


def test_what_fell_out_of_momentos_memory_meanwhile_is_counted(momento: RunningMomento, make_feed: MakeFeed) -> None:
    first = make_feed(momento)
    publish(momento, "a")
    wait_until(lambda: first.status().received == 1)
    first.close()
    publish(momento, *(f"unheard {number}" for number in range(1_010)))

    second = make_feed(momento)

    wait_until(lambda: second.status().received == 1_000)
    (gap,) = second.status().gaps
    assert (gap.missed, gap.last_sequence, gap.next_sequence) == (10, 1, 12)


def test_another_run_of_the_sandbox_adds_to_what_is_shown(momento: RunningMomento, make_feed: MakeFeed) -> None:
    first = make_feed(momento)
    publish(momento, "a", "b")
    wait_until(lambda: first.status().received == 2)
    first.close()
    page = first.status().page

    momento.die_and_start_anew()
    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    client.close()
    publish(momento, "c")
    second = make_feed(momento, run="run-2")

    wait_until(lambda: second.status().received == 1)
    assert received(second) == ["a", "b", "c"]
    assert (second.status().missed, second.status().gaps) == (0, ())
    assert second.status().page != page


def test_only_what_the_buffer_holds_is_loaded(momento: RunningMomento, make_feed: MakeFeed) -> None:
    first = make_feed(momento)
    publish(momento, *"abcdef")
    wait_until(lambda: first.status().received == 6)
    first.close()

    second = make_feed(momento, capacity=4)

    assert received(second) == ["c", "d", "e", "f"]
    assert second.status().restored == 4


def test_nobody_who_waits_for_a_new_message_is_given_an_old_one(momento: RunningMomento, make_feed: MakeFeed) -> None:
    def anything(event: TopicEvent) -> bool:
        return True

    first = make_feed(momento)
    publish(momento, "old")
    wait_until(lambda: first.status().received == 1)
    first.close()

    second = make_feed(momento)

    assert second.wait_for(anything, 0.05, since_version=0) is None
    publish(momento, "new")
    found = second.wait_for(anything, 20, since_version=0)
    assert found is not None
    assert found.raw == "new"


def test_a_history_that_cannot_be_used_does_not_stop_the_feed(
    momento: RunningMomento, make_feed: MakeFeed, tmp_path: Path
) -> None:
    (tmp_path / "topic-history.db").mkdir()

    feed = make_feed(momento)
    publish(momento, "a")

    wait_until(lambda: feed.status().received == 1)
    history = feed.history()
    assert history is not None
    assert "Is a directory" in history.problem


def test_a_history_with_odd_contents_does_not_stop_the_feed(
    momento: RunningMomento, make_feed: MakeFeed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_feed(momento)
    publish(momento, "a")
    wait_until(lambda: first.status().received == 1)
    first.close()
    with closing(sqlite3.connect(tmp_path / "topic-history.db")) as file, file:
        file.execute("UPDATE events SET raw = 42")

    second = make_feed(momento)
    publish(momento, "b")

    wait_until(lambda: received(second)[-1:] == ["b"], what="the new message")
    assert "Restoring the topic's history failed" in caplog.text


def test_a_restarted_dashboard_has_its_events_and_its_settings(
    sandbox_target: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPIC_HISTORY", str(tmp_path / "events.db"))
    monkeypatch.setenv("TOPIC_EVENTS", "2000")
    location = a_location()
    before = runtime.create()
    assert put_and_follow(before.pipeline(), a_record(location)).complete
    before.close()

    after = runtime.create()
    feed = after.pipeline().feed
    wait_until(lambda: feed.status().state is FeedState.LIVE, what="the start")

    assert location in [event.location for event in feed.snapshot().events]
    assert feed.status().restored >= 1
    assert feed.holding().capacity == 2_000
    after.close()
