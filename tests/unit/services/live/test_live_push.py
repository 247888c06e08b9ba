"""The hub: one drawing and one encoding for all viewers of a view, bounded queues, and nobody left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.errors import SandboxNotRunning, Throttled
from services.live.broadcast import LiveHub, PushTiming, Viewer
from services.topic.series import WINDOWS, View
from tests.support.live_feed import LocalFeed

QUICK = PushTiming(interval_s=0.01, look_s=0.05, beat_s=60, patience_s=0.1)
MINUTE = View(WINDOWS[0])


@pytest.fixture
def feed() -> LocalFeed:
    return LocalFeed()


@pytest.fixture
async def hub(feed: LocalFeed) -> AsyncIterator[LiveHub]:
    made = LiveHub(lambda: feed, QUICK, most_viewers=3)
    yield made
    made.close()


async def hear(viewer: Viewer) -> tuple[str, dict[str, Any], bytes]:
    """The next message of a viewer: its name, its data, and its bytes."""
    message = await asyncio.wait_for(viewer.take(), 10)
    assert message is not None
    name, data, *_ = message.decode().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: ")), message


async def hear_of(viewer: Viewer, wanted: Callable[[dict[str, Any]], bool]) -> tuple[str, dict[str, Any], bytes]:
    """The first message whose data fit."""
    while True:
        heard = await hear(viewer)
        if wanted(heard[1]):
            return heard


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_new_viewer_gets_the_whole_picture_and_then_what_changes(hub: LiveHub, feed: LocalFeed) -> None:
    feed.publish("Oslo")
    viewer = hub.join(MINUTE)

    name, picture, _ = await hear(viewer)
    # As the subscription does: from a thread of its own.
    await asyncio.to_thread(feed.publish, "Bergen", "INSERT", "61.5")
    changed, change, _ = await hear(viewer)

    assert (name, [row[0] for row in picture["latest"]]) == ("picture", ["Oslo"])
    assert changed == "change"
    assert [row[:2] + row[3:5] for row in change["latest"]] == [["Bergen", "INSERT", 61.5, 50.0]]
    assert "Oslo" in change["names"]
    assert change["events"][0][0] == "7-2"


async def test_all_viewers_of_a_view_get_the_same_bytes_and_the_view_is_drawn_once(
    hub: LiveHub, feed: LocalFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hub.join(MINUTE), hub.join(MINUTE)
    await hear(one)
    await hear(other)
    drawn = []
    draw = feed.series.picture
    monkeypatch.setattr(feed.series, "picture", lambda view, now: drawn.append(view) or draw(view, now))

    feed.publish("Oslo")

    message = (await hear(one))[2]
    assert (await hear(other))[2] is message
    assert hub.audiences == 1
    assert len(drawn) <= 2  # one for the event, one more when the look of each 0.05 s fell between


async def test_another_view_gets_its_own(hub: LiveHub, feed: LocalFeed) -> None:
    oslo, bergen = hub.join(View(WINDOWS[0], ("Oslo",))), hub.join(View(WINDOWS[0], ("Bergen",)))
    await hear(oslo)
    await hear(bergen)

    feed.publish("Oslo")
    feed.publish("Bergen")

    assert (await hear(oslo))[1]["names"] == ["Oslo"]
    assert (await hear(bergen))[1]["names"] == ["Bergen"]


async def test_many_events_wake_the_loop_once_until_it_has_looked(hub: LiveHub, feed: LocalFeed) -> None:
    viewer = hub.join(MINUTE)
    await hear(viewer)
    calls = []
    loop = asyncio.get_running_loop()
    assert hub._loop is loop
    hub._loop = type("Counting", (), {"call_soon_threadsafe": lambda _, act: calls.append(act)})()  # type: ignore[assignment]
    hub.look()

    for _ in range(1_000):
        feed.publish("Oslo")

    assert len(calls) == 1


async def test_who_does_not_read_holds_a_bounded_queue_and_gets_a_whole_picture_when_he_reads_again(
    feed: LocalFeed,
) -> None:
    hub = LiveHub(lambda: feed, PushTiming(interval_s=0.005, look_s=0.02, beat_s=60, patience_s=60))
    slow, quick = hub.join(MINUTE), hub.join(MINUTE)
    await hear(slow)
    await hear(quick)

    for number in range(4 * Viewer.LIMIT):
        feed.publish("Oslo", high=str(60 + number))
        await hear_of(quick, lambda said, number=number: any(row[3] == 60 + number for row in said.get("latest", ())))
        assert slow.queued <= Viewer.LIMIT

    name, said, _ = await hear(slow)
    assert name == "picture"
    assert said["latest"][0][3] == 60 + 4 * Viewer.LIMIT - 1
    hub.close()


async def test_who_reads_nothing_for_too_long_is_dropped_and_the_others_stay(hub: LiveHub, feed: LocalFeed) -> None:
    slow, quick = hub.join(MINUTE), hub.join(MINUTE)
    await hear(slow)

    async def traffic() -> None:
        while not slow.ended:
            feed.publish("Oslo")
            await hear(quick)

    await asyncio.wait_for(traffic(), 10)

    assert hub.viewers == 1
    assert not quick.ended


async def test_with_the_last_viewer_everything_ends(hub: LiveHub, feed: LocalFeed) -> None:
    before = asyncio.all_tasks()
    viewers = [hub.join(MINUTE), hub.join(MINUTE), hub.join(View(WINDOWS[1]))]
    for viewer in viewers:
        await hear(viewer)
    assert feed.watchers

    for viewer in viewers:
        hub.leave(viewer)

    assert (hub.viewers, hub.audiences, feed.watchers) == (0, 0, [])
    await until(lambda: asyncio.all_tasks() == before)


async def test_too_many_viewers_are_refused_and_a_place_that_is_left_is_free_again(hub: LiveHub) -> None:
    viewers = [hub.join(MINUTE) for _ in range(3)]
    with pytest.raises(Throttled):
        hub.join(MINUTE)

    hub.leave(viewers[0])

    assert (await hear(hub.join(MINUTE)))[0] == "picture"


async def test_closing_ends_every_stream(hub: LiveHub) -> None:
    viewer = hub.join(MINUTE)
    await hear(viewer)
    waiting = asyncio.create_task(viewer.take())

    hub.close()

    assert await asyncio.wait_for(waiting, 10) is None
    assert hub.viewers == 0


async def test_a_quiet_stream_says_that_it_is_alive(feed: LocalFeed) -> None:
    hub = LiveHub(lambda: feed, PushTiming(interval_s=0.01, look_s=0.02, beat_s=0.05, patience_s=10))
    viewer = hub.join(MINUTE)
    await hear(viewer)

    name, said, _ = await hear(viewer)

    assert (name, said["heartbeat"]) == ("beat", feed.state.last_heartbeat_at)
    hub.close()


async def test_a_subscription_that_is_lost_is_told(hub: LiveHub, feed: LocalFeed) -> None:
    viewer = hub.join(MINUTE)
    await hear(viewer)

    feed.lose("Momento is gone.")

    assert (await hear(viewer))[1]["feed"]["reason"] == "Momento is gone."


async def test_while_there_is_no_feed_the_stream_says_so_and_goes_on_with_the_next_feed() -> None:
    found: list[LocalFeed] = []

    def source() -> LocalFeed:
        if not found:
            raise SandboxNotRunning("The sandbox is not running.", "Start it.")
        return found[0]

    hub = LiveHub(source, QUICK)
    viewer = hub.join(MINUTE)
    name, said, _ = await hear(viewer)
    assert (name, said["what"], said["advice"]) == ("down", "The sandbox is not running.", "Start it.")

    found.append(LocalFeed())
    found[0].publish("Oslo")

    name, said, _ = await hear(viewer)
    assert (name, said["names"]) == ("picture", ["Oslo"])
    hub.close()


async def test_a_feed_that_replaces_another_is_followed_from_its_whole_picture() -> None:
    feeds = [LocalFeed()]
    hub = LiveHub(lambda: feeds[-1], QUICK)
    viewer = hub.join(MINUTE)
    await hear(viewer)

    feeds.append(LocalFeed())
    feeds[1].publish("Bergen")
    feeds[0].lose("The sandbox was ended.")

    name, said, _ = await hear_of(viewer, lambda said: said.get("names") == ["Bergen"])
    assert name == "picture"
    assert feeds[0].watchers == []
    hub.close()


async def test_a_view_that_fails_ends_its_streams_so_that_browsers_connect_again(
    hub: LiveHub, feed: LocalFeed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = hub.join(MINUTE)
    await hear(viewer)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(feed.series, "picture", broken)
    feed.publish("Oslo")

    assert await asyncio.wait_for(viewer.take(), 10) is None
    assert hub.viewers == 0
    assert "a live view failed" in caplog.text
