"""The file of the topic's messages: what it keeps, what it drops, and that a failing disk is only told of."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.topic import history as topic_history
from services.topic.events import TopicEvent, parse_event
from services.topic.history import Source, TopicHistory
from tests.conftest import wait_until

FIRST_RUN, SECOND_RUN = Source("sandbox", "run-1"), Source("sandbox", "run-2")
MakeHistory = Callable[..., TopicHistory]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "topic-history.db"


@pytest.fixture
def make(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHistory]:
    """Histories that write at once; closed after the test."""
    monkeypatch.setattr(topic_history, "_BATCH_S", 0.01)
    monkeypatch.setattr(topic_history, "_RETRY_S", 0.05)
    made: list[TopicHistory] = []

    def make(source: Source = FIRST_RUN, **bounds: float) -> TopicHistory:
        history = TopicHistory(path, source, **bounds)  # type: ignore[arg-type]
        history.start()
        made.append(history)
        return history

    yield make
    for history in made:
        history.close()


def event(sequence: int, page: int = 1, age_s: float = 1.0, raw: str | bytes | None = None) -> TopicEvent:
    text = f'{{"EventType": "INSERT", "Location": "Town {sequence}", "MaxTemp": "70"}}'
    return parse_event(text if raw is None else raw, sequence, page, time.time() - age_s)


def store(history: TopicHistory, *events: TopicEvent) -> None:
    before = history.status().stored
    for one in events:
        history.append(one)
    wait_until(lambda: history.status().stored == before + len(events), what="the events to be stored")


def loaded(history: TopicHistory, limit: int = 100) -> list[int]:
    return [event.sequence for event in history.load(limit)]


def test_what_was_stored_is_loaded_as_it_came(make: MakeHistory) -> None:
    events = (event(1), event(2, raw=b"\xff\x00"), event(3, raw="nul \x00 inside"), event(4, raw=""))
    first = make()
    store(first, *events)
    first.close()

    assert tuple(make(SECOND_RUN).load(100)) == events


def test_the_newest_are_loaded_oldest_first(make: MakeHistory) -> None:
    history = make()
    store(history, *(event(number) for number in range(1, 11)))

    assert loaded(history, limit=3) == [8, 9, 10]


def test_closing_stores_what_waits(make: MakeHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_history, "_BATCH_S", 60.0)
    history = make()
    for number in range(1, 4):
        history.append(event(number))
    wait_until(lambda: any(thread.name == "topic-history" for thread in threading.enumerate()))
    history.close()

    assert loaded(history) == [1, 2, 3]
    assert not any(thread.name == "topic-history" for thread in threading.enumerate())


def test_only_its_owner_can_read_the_file(make: MakeHistory, path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    store(make(), event(1))

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_the_same_message_is_stored_once_whoever_writes_it(make: MakeHistory) -> None:
    one, other = make(), make()
    store(one, event(1), event(2))
    store(other, event(1), event(2), event(3))

    assert loaded(one) == [1, 2, 3]


def test_the_run_that_goes_on_is_resumed_and_another_is_not(make: MakeHistory) -> None:
    first = make()
    assert first.resume_point() is None
    store(first, event(5, page=7), event(6, page=7))
    store(first, event(2, page=8))

    assert first.resume_point() == (2, 8)
    second = make(SECOND_RUN)
    assert second.resume_point() is None
    assert loaded(second) == [5, 6, 2]


def test_another_family_does_not_see_it(make: MakeHistory) -> None:
    store(make(), event(1))

    real = make(Source("cell-4/cache/topic", "cell-4/cache/topic"))
    assert loaded(real) == []
    assert real.resume_point() is None


def test_what_is_too_old_is_neither_loaded_nor_kept(make: MakeHistory, path: Path) -> None:
    first = make(max_age_s=3_600.0)
    store(first, event(1, age_s=4_000), event(2, age_s=10))
    assert loaded(first) == [2]
    first.close()

    store(make(max_age_s=3_600.0), event(3))
    with closing(sqlite3.connect(path)) as file:
        assert [row[0] for row in file.execute("SELECT sequence FROM events ORDER BY id")] == [2, 3]


def test_the_file_stays_within_its_size_and_keeps_the_newest(make: MakeHistory, path: Path) -> None:
    history = make(max_bytes=1_000_000)
    for start in range(1, 2_000, 200):
        store(history, *(event(number, raw="x" * 2_000) for number in range(start, start + 200)))

    history.close()
    kept = loaded(history, limit=10_000)
    assert 300 < len(kept) < 500
    assert kept[-1] == 2_000
    assert kept == list(range(kept[0], 2_001))
    assert path.stat().st_size < 2_500_000


def test_an_event_of_the_future_counts_as_received_now(make: MakeHistory) -> None:
    history = make()
    store(history, event(1, age_s=-500))

    (restored,) = history.load(10)
    assert restored.received_at <= time.time()


def test_a_file_that_is_no_database_is_told_of_and_left_alone(make: MakeHistory, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my shopping list, long enough to be taken for a page of something")
    history = make()
    history.append(event(1))

    wait_until(lambda: "is not a database" in history.status().problem, what="the problem")
    assert loaded(history) == []
    assert str(path) in history.status().problem
    assert path.read_text().startswith("my shopping list")


def test_a_file_of_a_later_version_is_told_of_and_left_alone(make: MakeHistory, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 9")
    history = make()

    wait_until(lambda: "version is 9" in history.status().problem, what="the problem")


def test_what_could_not_be_stored_is_stored_once_the_disk_is_well_again(make: MakeHistory, path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()
    history = make()
    history.append(event(1))
    wait_until(lambda: "Is a directory" in history.status().problem, what="the problem")

    path.rmdir()

    wait_until(lambda: history.status().stored == 1, what="the event to be stored")
    assert history.status().problem == ""
    assert loaded(history) == [1]


def test_a_disk_that_fails_while_it_writes_is_opened_anew(make: MakeHistory, path: Path) -> None:
    history = make()
    store(history, event(1))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP TABLE events")

    store(history, event(2))

    assert loaded(history) == [2]


def test_what_waits_for_a_dead_disk_is_bounded_and_the_rest_counted(
    make: MakeHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_history, "_QUEUED_EVENTS", 5)
    path.mkdir(parents=True)
    history = make()

    for number in range(1, 9):
        history.append(event(number))

    assert history.status().left_out == 3


def test_large_payloads_that_wait_are_bounded_by_their_size(
    make: MakeHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_history, "_QUEUED_BYTES", 10_000)
    path.mkdir(parents=True)
    history = make()

    for number in range(1, 5):
        history.append(event(number, raw="x" * 4_000))

    assert history.status().left_out == 2


def test_a_number_that_no_database_can_hold_is_left_out(make: MakeHistory) -> None:
    history = make()
    history.append(event(2**64 - 1))
    store(history, event(1))

    assert (history.status().left_out, history.status().problem, loaded(history)) == (1, "", [1])


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    path.parent.mkdir()
    barrier, problems = threading.Barrier(8), list[str]()

    def open_it(number: int) -> None:
        history = TopicHistory(path, Source("sandbox", str(number)))
        barrier.wait()
        list(history.load(5))
        problems.append(history.status().problem)

    threads = [threading.Thread(target=open_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == [""] * 8
