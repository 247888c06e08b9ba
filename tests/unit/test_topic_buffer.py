"""The buffer between the one subscription and its many readers."""

import threading

import pytest

from services.topic_buffer import TopicBuffer
from services.topic_events import TopicEvent, parse_event


def event(sequence: int, kind: str = "INSERT", at: float = 10.0) -> TopicEvent:
    return parse_event(f'{{"EventType": "{kind}", "Location": "Oslo"}}', sequence, 1, at)


def filled(count: int, capacity: int = 100) -> TopicBuffer:
    buffer = TopicBuffer(capacity)
    for sequence in range(1, count + 1):
        buffer.append(event(sequence))
    return buffer


def sequences(events: tuple[TopicEvent, ...]) -> list[int]:
    return [event.sequence for event in events]


def test_a_snapshot_has_the_newest_messages_oldest_first() -> None:
    snapshot = filled(5).snapshot(limit=3)

    assert (snapshot.version, sequences(snapshot.events)) == (5, [3, 4, 5])


@pytest.mark.parametrize(("after", "expected"), [(0, [3, 4, 5]), (4, [5]), (5, []), (9, [])])
def test_a_snapshot_after_a_version_has_only_what_came_later(after: int, expected: list[int]) -> None:
    assert sequences(filled(5).snapshot(limit=3, after=after).events) == expected


def test_a_snapshot_is_the_same_object_until_something_comes() -> None:
    buffer = filled(2)
    before = buffer.snapshot(10)
    again = buffer.snapshot(10)
    buffer.append(event(3))

    assert before is again
    assert sequences(buffer.snapshot(10).events) == [1, 2, 3]
    assert sequences(before.events) == [1, 2]


def test_the_oldest_messages_leave_a_full_buffer() -> None:
    buffer = filled(7, capacity=3)

    assert buffer.version == 7
    assert sequences(buffer.snapshot(100).events) == [5, 6, 7]
    assert sequences(buffer.snapshot(100, after=0).events) == [5, 6, 7]


def test_waiting_finds_a_message_that_came_just_before_the_call() -> None:
    buffer = filled(1)
    version = buffer.version
    buffer.append(event(2))

    found = buffer.wait_for(lambda event: event.location == "Oslo", timeout_s=0, since_version=version)

    assert found is not None
    assert found.sequence == 2


def test_waiting_finds_a_message_that_comes_later() -> None:
    buffer = filled(1)
    writer = threading.Thread(target=lambda: [buffer.append(event(n)) for n in range(2, 50)])
    writer.start()

    found = buffer.wait_for(lambda event: event.sequence == 40, timeout_s=30, since_version=1)
    writer.join()

    assert found is not None
    assert found.sequence == 40


def test_waiting_ends_without_a_message_in_time() -> None:
    assert filled(3).wait_for(lambda event: True, timeout_s=0.01, since_version=3) is None


def test_waiting_ends_when_the_buffer_is_closed() -> None:
    buffer = filled(3)
    found: list[TopicEvent | None] = []
    waiter = threading.Thread(target=lambda: found.append(buffer.wait_for(lambda event: False, 60, 0)))
    waiter.start()
    buffer.close()
    waiter.join(10)

    assert found == [None]
