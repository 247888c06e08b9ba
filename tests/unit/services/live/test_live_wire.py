"""What is said to a browser: a whole picture, and then what is different, from which it can make the next picture."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from services.live import messages
from services.live.messages import Sight
from services.topic.series import TYPES, WINDOWS, View
from tests.support.live_feed import LocalFeed

TOWNS = ("Oslo", "Bergen", "Hamar")


def sight(feed: LocalFeed, view: View, now: float, after: int | None = None) -> Sight:
    """What there is to say at `now`, with the events since version `after`."""
    snapshot = feed.snapshot(messages.LOOKED_AT, after)
    return Sight(feed.series.picture(view, now), feed.status(), snapshot.events, snapshot.version)


def content(message: bytes | None) -> tuple[str, dict[str, Any]]:
    """Name and data of a server-sent event."""
    assert message is not None
    name, data, *rest = message.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class Browser:
    """Puts a picture together from what it is told, as the board's model.js does."""

    def __init__(self) -> None:
        self.bands: dict[tuple[int, str], list[Any]] = {}
        self.rates: dict[int, list[Any]] = {}
        self.latest: dict[str, list[Any]] = {}
        self.names: list[str] = []
        self.events: list[str] = []

    def hear(self, message: bytes | None) -> None:
        if message is None:
            return
        _, said = content(message)
        self.names = said.get("names", self.names)
        self.bands |= {(row[0], row[1]): row for row in said.get("bands", ())}
        self.bands = {key: row for key, row in self.bands.items() if row[1] in self.names}
        self.rates |= {row[0]: row for row in said.get("rates", ())}
        self.latest |= {row[0]: row for row in said.get("latest", ())}
        self.events += [row[0] for row in said.get("events", ())]


writes = st.lists(st.tuples(st.sampled_from(TOWNS), st.sampled_from(("INSERT", "MODIFY", "REMOVE"))), max_size=12)


@given(
    before=writes,
    after=writes,
    named=st.lists(st.sampled_from(TOWNS), unique=True),
    types=st.lists(st.sampled_from(TYPES), unique=True),
)
def test_a_picture_and_a_change_say_what_the_next_whole_picture_says(
    before: list[tuple[str, str]], after: list[tuple[str, str]], named: list[str], types: list[str]
) -> None:
    feed, view = LocalFeed(), View(WINDOWS[1], tuple(sorted(named)), tuple(types))
    for town, kind in before:
        feed.publish(town, kind)
    now = feed.status().last_event_at or 1e9
    first = sight(feed, view, now)
    follower, newcomer = Browser(), Browser()
    follower.hear(messages.whole(first, now))

    for town, kind in after:
        feed.publish(town, kind, high="80")
    then = feed.status().last_event_at or now
    follower.hear(messages.change(first, sight(feed, view, then, after=first.events_until), then))

    newcomer.hear(messages.whole(sight(feed, view, then), then))
    # A bucket may have left the window between the two; the browser drops those by itself.
    assert newcomer.bands.items() <= follower.bands.items()
    assert newcomer.rates.items() <= follower.rates.items()
    assert (follower.names, follower.events) == (newcomer.names, newcomer.events)
    assert newcomer.latest.items() <= follower.latest.items()


def test_when_nothing_of_the_view_has_changed_there_is_nothing_to_say() -> None:
    feed, view = LocalFeed(), View(WINDOWS[1], ("Oslo",))
    now = feed.publish("Oslo").received_at
    first = sight(feed, view, now)
    feed.publish("Bergen")

    assert messages.change(first, sight(feed, view, now, after=first.events_until), now) is None


def test_a_lost_subscription_is_worth_a_message() -> None:
    feed, view = LocalFeed(), View(WINDOWS[1])
    now = feed.publish("Oslo").received_at
    first = sight(feed, view, now)
    feed.lose("Momento is gone.")

    name, said = content(messages.change(first, sight(feed, view, now, after=first.events_until), now))

    assert name == "change"
    assert (said["feed"]["state"], said["feed"]["reason"]) == ("reconnecting", "Momento is gone.")


def test_so_many_events_at_once_are_not_all_listed_and_that_is_said() -> None:
    feed, view = LocalFeed(), View(WINDOWS[1])
    first = sight(feed, view, 1e9)
    count = messages.LISTED_AT_ONCE + 5
    for _ in range(count):
        now = feed.publish("Oslo").received_at

    _, said = content(messages.change(first, sight(feed, view, now, after=0), now))

    assert (len(said["events"]), said["unlisted"]) == (messages.LISTED_AT_ONCE, 5)
    assert said["events"][-1][0] == f"7-{count}"


def test_a_message_is_one_line_of_data_whatever_text_is_in_it() -> None:
    feed, view = LocalFeed(), View(WINDOWS[1])
    hostile = "Oslo\n\nevent: down\ndata: {}\u2028</script>"
    now = feed.publish(hostile).received_at

    name, said = content(messages.whole(sight(feed, view, now), now))

    assert name == "picture"
    assert said["names"] == [hostile]


def test_an_events_name_leads_back_to_it() -> None:
    event = LocalFeed().publish("Oslo")

    assert messages.page_and_sequence(messages.event_id(event)) == (event.page, event.sequence)


@pytest.mark.parametrize("named", ["", "7", "7-", "-7", "7-x", "7-1-2", f"7-{'1' * 60}", "²-1"])
def test_what_names_no_event_is_refused(named: str) -> None:
    with pytest.raises(InvalidInput):
        messages.page_and_sequence(named)


@pytest.mark.parametrize("town", ["Oslo", "x" * 128, "x" * 129])
def test_an_event_is_shown_under_the_type_that_it_is_counted_as(town: str) -> None:
    feed = LocalFeed()
    event = feed.publish(town, "REMOVE")

    (rate,) = feed.series.picture(View(WINDOWS[0]), event.received_at).rates

    assert messages.kind(event) == ("REMOVE" if rate.remove else "other")
