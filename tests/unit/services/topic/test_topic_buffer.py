"""The buffer between the one subscription and its many readers."""

import gc
import threading

import pytest

from services.topic.buffer import TopicBuffer
from services.topic.events import TopicEvent, parse_event


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


def large(sequence: int, characters: int) -> TopicEvent:
    return parse_event(f'{{"Location": "Oslo", "x": "{"y" * characters}"}}', sequence, 1, 10.0)


def test_an_event_comes_back_as_it_was() -> None:
    buffer = TopicBuffer(10)
    events = tuple(
        parse_event(raw, number, 3, 11.5)
        for number, raw in enumerate(
            (
                '{"EventType": "MODIFY", "Location": "Oslo", "MaxTemp": "61", "MinTemp": "40",'
                ' "ChancesOfPrecipitation": "5"}',
                b"\xff",
                "",
            )
        )
    )
    for one in events:
        buffer.append(one)

    assert buffer.snapshot(10).events == events


def test_large_payloads_leave_room_for_fewer_and_the_buffer_says_so() -> None:
    buffer = TopicBuffer(100, budget=1_000_000)
    for sequence in range(1, 51):
        buffer.append(large(sequence, 100_000))

    held = buffer.holding()
    assert held.events == 9
    assert held.size <= 1_000_000
    assert held.shortage == "Keeps 9 instead of 100 events: their payloads are large and fill 1 MB."
    assert sequences(buffer.snapshot(100).events) == list(range(42, 51))


def test_small_payloads_fill_the_capacity_again() -> None:
    buffer = TopicBuffer(100, budget=1_000_000)
    for sequence in range(1, 51):
        buffer.append(large(sequence, 100_000))
    for sequence in range(51, 400):
        buffer.append(event(sequence))

    assert (buffer.holding().events, buffer.holding().shortage) == (100, "")


def test_one_message_larger_than_the_budget_is_kept() -> None:
    buffer = TopicBuffer(100, budget=1_000)
    buffer.append(large(1, 5_000))
    buffer.append(large(2, 5_000))

    assert sequences(buffer.snapshot(5).events) == [2]


def test_what_is_counted_as_held_is_what_is_held() -> None:
    buffer = TopicBuffer(3)
    for sequence in range(1, 20):
        buffer.append(event(sequence))
    fresh = TopicBuffer(3)
    for sequence in range(17, 20):
        fresh.append(event(sequence))

    assert buffer.holding() == fresh.holding()


def test_who_asks_for_more_events_gets_the_memory_for_them() -> None:
    assert TopicBuffer(1_000).holding().budget == TopicBuffer(50_000).holding().budget
    assert TopicBuffer(1_000_000).holding().budget == 600_000_000


def test_an_event_is_found_by_its_number_while_it_is_held() -> None:
    buffer = filled(7, capacity=3)
    snapshot = buffer.snapshot(2)

    assert snapshot.first_number == 6
    for place, expected in enumerate(snapshot.events):
        assert buffer.event(snapshot.first_number + place) == expected
    assert [buffer.event(number) for number in (0, -1, 4, 8)] == [None] * 4
    held = buffer.event(5)
    assert held is not None
    assert held.sequence == 5


def test_an_event_is_found_by_page_and_sequence() -> None:
    buffer = filled(5)

    found = buffer.find(page=1, sequence=3)
    assert found is not None
    assert found.sequence == 3
    assert buffer.find(page=2, sequence=3) is None
    assert buffer.find(page=1, sequence=6) is None


def test_the_garbage_collector_does_not_look_into_what_is_held() -> None:
    buffer = filled(200, capacity=200)
    gc.collect()

    assert not any(gc.is_tracked(row) for row in buffer._rows)


def test_nobody_waits_for_a_restored_message() -> None:
    buffer = TopicBuffer(10)
    version = buffer.version
    buffer.restore(event(1))
    buffer.restore(event(2))

    assert buffer.wait_for(lambda event: True, timeout_s=0, since_version=version) is None
    buffer.append(event(3))
    found = buffer.wait_for(lambda event: True, timeout_s=0, since_version=version)
    assert found is not None
    assert found.sequence == 3
    assert sequences(buffer.snapshot(10).events) == [1, 2, 3]
