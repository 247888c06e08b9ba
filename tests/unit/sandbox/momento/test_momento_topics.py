"""Topic logs: numbering, pages, and what each way of resuming replays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.momento.errors import InvalidArgument, TooLarge, TooMany
from sandbox.momento.limits import MAX_MESSAGE_BYTES, MAX_TOPICS
from sandbox.momento.topics import HISTORY_BYTES, Cursor, Discontinuity, Message, Topic, Topics

PAGE = 1_700_000_000


def filled(values: str, history: int = 1_000) -> Topic:
    topic = Topic(PAGE, history)
    for value in values:
        topic.publish(value)
    return topic


def seen(cursor: Cursor) -> list[str | bytes | Discontinuity]:
    return [event.value if isinstance(event, Message) else event for event in cursor.take()]


def test_messages_are_numbered_from_one_within_the_page() -> None:
    topic = Topic(PAGE)
    first, second = topic.publish("a"), topic.publish(b"b")
    assert (first.sequence, first.page, first.value) == (1, PAGE, "a")
    assert (second.sequence, second.page, second.value) == (2, PAGE, b"b")


def test_a_plain_subscription_begins_with_the_latest_message() -> None:
    topic = filled("abc")
    cursor = Cursor(topic, 0, 0)
    assert seen(cursor) == ["c"]
    topic.publish("d")
    assert seen(cursor) == ["d"]
    assert seen(cursor) == []


def test_a_plain_subscription_to_an_unused_topic_waits_for_the_first_message() -> None:
    topic = Topic(PAGE)
    cursor = Cursor(topic, 0, 0)
    assert seen(cursor) == []
    topic.publish("a")
    assert seen(cursor) == ["a"]


def test_resuming_at_one_replays_what_is_kept_without_a_discontinuity() -> None:
    assert seen(Cursor(filled("abcdef", history=4), 1, 0)) == ["c", "d", "e", "f"]


@pytest.mark.parametrize("page", [0, PAGE])
def test_resuming_replays_from_that_number_on(page: int) -> None:
    assert seen(Cursor(filled("abc"), 2, page)) == ["b", "c"]


def test_resuming_at_the_next_number_replays_nothing_and_waits() -> None:
    topic = filled("abc")
    cursor = Cursor(topic, 4, PAGE)
    assert seen(cursor) == []
    topic.publish("d")
    assert seen(cursor) == ["d"]


@pytest.mark.parametrize(("resume", "page"), [(300, 0), (300, 5_435_435), (2, 5_435_435)])
def test_a_wrong_page_or_a_number_beyond_the_end_is_a_discontinuity_then_the_latest(resume: int, page: int) -> None:
    assert seen(Cursor(filled("abc"), resume, page)) == [Discontinuity(resume - 1, 3, PAGE), "c"]


def test_resuming_on_a_topic_that_began_anew_tells_the_new_page_at_once() -> None:
    assert seen(Cursor(Topic(PAGE), 57, PAGE - 100)) == [Discontinuity(56, 1, PAGE)]


def test_resuming_before_the_kept_history_is_a_discontinuity_then_all_that_is_kept() -> None:
    assert seen(Cursor(filled("abcdef", history=3), 2, PAGE)) == [Discontinuity(1, 4, PAGE), "d", "e", "f"]


def test_a_subscriber_that_history_has_passed_by_is_told_of_the_gap() -> None:
    topic = filled("a", history=3)
    cursor = Cursor(topic, 0, 0)
    assert seen(cursor) == ["a"]
    for value in "bcdef":
        topic.publish(value)
    assert seen(cursor) == [Discontinuity(1, 4, PAGE), "d", "e", "f"]


@given(
    steps=st.lists(st.booleans(), max_size=60),
    history=st.integers(1, 10),
    resume=st.integers(0, 12),
    page=st.sampled_from([0, PAGE, PAGE - 1]),
    before=st.integers(0, 10),
)
def test_any_reader_gets_every_number_once_in_order_except_over_an_announced_gap(
    steps: list[bool], history: int, resume: int, page: int, before: int
) -> None:
    # Given a log with some messages and a reader that resumes anywhere
    topic = filled("x" * before, history)
    cursor = Cursor(topic, resume, page)
    events = cursor.take()
    # When publishes and reads follow in any order
    for publishes in steps:
        if publishes:
            topic.publish("x")
        else:
            events += cursor.take()
    events += cursor.take()
    # Then numbers rise by one, and a gap is announced with exactly the number that follows it
    expected: int | None = None
    for event in events:
        if isinstance(event, Discontinuity):
            expected = event.new
        else:
            assert expected in (None, event.sequence)
            expected = event.sequence + 1
    if events:
        assert expected == topic.next_sequence


def test_watchers_are_woken_by_messages_and_by_the_end_and_only_while_watching() -> None:
    topic, calls = Topic(PAGE), []
    with topic.watch(lambda: calls.append("woken")):
        assert topic.watchers == 1
        topic.publish("a")
        topic.close()
    topic.publish("b")
    assert calls == ["woken", "woken"]
    assert topic.watchers == 0


def test_a_message_over_four_kilobytes_is_refused_in_bytes_not_letters() -> None:
    topic = Topic(PAGE)
    topic.publish("x" * MAX_MESSAGE_BYTES)
    for value in (b"x" * (MAX_MESSAGE_BYTES + 1), "°" * (MAX_MESSAGE_BYTES // 2 + 1)):
        with pytest.raises(TooLarge):
            topic.publish(value)
    assert topic.next_sequence == 2


def test_a_topic_begins_on_a_page_larger_than_any_before_even_within_a_second() -> None:
    topics = Topics(wall_clock=lambda: PAGE + 0.5)
    first = topics.open("cache", "topic")
    assert topics.open("cache", "topic") is first
    topics.drop("cache")
    second = topics.open("cache", "topic")
    assert first.page == PAGE
    assert second.page == PAGE + 1


def test_dropping_a_cache_ends_its_topics_and_no_others() -> None:
    topics = Topics()
    inside, outside = topics.open("a", "t"), topics.open("b", "t")
    topics.drop("a")
    assert inside.closed
    assert not outside.closed


def test_an_empty_topic_name_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        Topics().publish("cache", "", "text")


def test_large_messages_leave_room_for_fewer_and_one_who_comes_back_is_told() -> None:
    topic = Topic(page=7)
    for _ in range(500):
        topic.publish("x" * 4_096)

    events = Cursor(topic, resume=2, page=7).take()

    assert isinstance(events[0], Discontinuity)
    assert sum(len(event.value) for event in events[1:] if isinstance(event, Message)) <= HISTORY_BYTES
    assert topic.next_sequence == 501


def test_topics_are_bounded_in_number_and_their_names_in_length() -> None:
    topics = Topics()
    for number in range(MAX_TOPICS):
        topics.open("c", str(number))

    topics.open("c", "0")
    with pytest.raises(TooMany):
        topics.open("c", "one more")
    with pytest.raises(InvalidArgument):
        Topics().open("c", "x" * 2_000)
