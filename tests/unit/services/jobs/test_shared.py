"""One read for all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import patience
from core.errors import ServiceFailed, Unreachable
from services.jobs.cached_read import FIRST_S, GRACE_S, NotYet, Reading, Shared


class Fetch:
    """Counts its calls and gives 1, 2, 3 ...; or raises `error`."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    def __call__(self) -> int:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.calls


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that `Shared` looks at."""
    now = [1000.0]
    monkeypatch.setattr("services.jobs.cached_read.time.monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_a_value_is_read_once_within_its_lifetime(clock: Callable[[float], None]) -> None:
    fetch = Fetch()
    shared = Shared(fetch, 2.0)

    first = shared.get()
    clock(1.9)

    assert shared.get() is first
    assert fetch.calls == 1


def test_a_value_is_read_anew_when_its_lifetime_is_over(clock: Callable[[float], None]) -> None:
    shared = Shared(Fetch(), 2.0)
    shared.get()
    clock(2.0)

    assert shared.get().value == 2


@pytest.mark.parametrize("viewers", [1, 2, 20])
def test_as_many_reads_are_made_for_one_viewer_as_for_twenty(clock: Callable[[float], None], viewers: int) -> None:
    fetch = Fetch()
    shared = Shared(fetch, 2.5)

    # Each viewer asks every 2 s; twenty of them are spread over those 2 s.
    for _ in range(60 * viewers):
        shared.get()
        clock(2.0 / viewers)

    assert fetch.calls == 120 / 2.5


def test_after_a_pause_the_next_value_has_its_whole_lifetime(clock: Callable[[float], None]) -> None:
    fetch = Fetch()
    shared = Shared(fetch, 2.0)
    shared.get()
    clock(5.0)
    shared.get()
    clock(1.9)
    shared.get()

    assert fetch.calls == 2


def test_the_age_of_a_value_is_known_without_a_read() -> None:
    fetch = Fetch()
    shared = Shared(fetch, 1000.0)

    assert shared.read_at is None
    reading = shared.get()

    assert shared.read_at == reading.read_at
    assert fetch.calls == 1


def test_a_forgotten_value_is_read_anew() -> None:
    shared = Shared(Fetch(), 1000.0)
    shared.get()
    shared.forget()

    assert shared.get().value == 2


def test_a_failure_is_kept_as_long_as_a_value(clock: Callable[[float], None]) -> None:
    fetch = Fetch()
    fetch.error = Unreachable("Nothing answers.")
    shared = Shared(fetch, 2.0)

    for _ in range(3):
        with pytest.raises(Unreachable, match="Nothing answers"):
            shared.get()
    assert fetch.calls == 1

    fetch.error = None
    clock(2.0)
    assert shared.get().value == 2


def test_a_failure_takes_the_place_of_an_old_value(clock: Callable[[float], None]) -> None:
    fetch = Fetch()
    shared = Shared(fetch, 2.0)
    shared.get()
    clock(2.0)
    fetch.error = Unreachable("Gone.")

    with pytest.raises(Unreachable):
        shared.get()


def test_a_failure_that_is_told_often_does_not_grow() -> None:
    fetch = Fetch()
    fetch.error = Unreachable("Nothing answers.")
    shared = Shared(fetch, 1000.0)

    def depth() -> int:
        with pytest.raises(Unreachable) as caught:
            shared.get()
        frames, traceback = 0, caught.value.__traceback__
        while traceback is not None:
            frames, traceback = frames + 1, traceback.tb_next
        return frames

    depth()
    second = depth()
    assert depth() == second


def test_an_exception_that_nobody_foresaw_is_a_failure_like_another_and_its_text_is_not_shown(
    clock: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Fetch()
    fetch.error = KeyError("the-secret")
    shared = Shared(fetch, 2.0)
    with pytest.raises(ServiceFailed, match="KeyError"):
        shared.get()
    fetch.error = None
    clock(2.0)

    assert shared.get().value == 2
    assert "KeyError" in caplog.text
    assert "the-secret" not in caplog.text


def test_the_last_value_is_still_to_be_had_when_it_cannot_be_read_anew(clock: Callable[[float], None]) -> None:
    fetch = Fetch()
    shared = Shared(fetch, 2.0)
    first = shared.get()
    clock(2.0)
    fetch.error = Unreachable("Gone.")

    known = shared.last()

    assert (known.value, known.read_at) == (first.value, first.read_at)
    assert isinstance(known.error, Unreachable)


def test_without_any_value_the_last_one_is_an_error() -> None:
    fetch = Fetch()
    fetch.error = Unreachable("Gone.")

    with pytest.raises(Unreachable, match="Gone"):
        Shared(fetch, 2.0).last()


class Hanging:
    """Gives 1 at once; every later call waits for `release`."""

    def __init__(self) -> None:
        self.calls = 0
        self.release = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        if number > 1:
            assert self.release.wait(20)
        return number


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """One whose calls are let go after the test."""
    made = Hanging()
    yield made
    made.release.set()


def test_a_read_that_hangs_holds_up_nobody_who_has_a_value(clock: Callable[[float], None], hanging: Hanging) -> None:
    shared = Shared(hanging, 2.0)
    shared.get()
    clock(2.0)

    with ThreadPoolExecutor(5) as viewers:
        values = [each.result(5).value for each in [viewers.submit(shared.get) for _ in range(5)]]

    assert values == [1] * 5
    assert hanging.calls == 2


def test_a_value_that_is_too_old_is_not_the_present_one_and_says_why(
    clock: Callable[[float], None], hanging: Hanging
) -> None:
    shared = Shared(hanging, 2.0)
    shared.get()
    clock(2.0)
    shared.get()
    clock(GRACE_S)

    with patience.within(0.1), pytest.raises(NotYet, match="no answer after 5 s"):
        shared.get()
    with patience.within(0.1):
        known = shared.last()
    assert known.value == 1
    assert isinstance(known.error, NotYet)

    hanging.release.set()
    assert shared.get().value == 2


def test_a_value_that_was_forgotten_is_not_given_out_while_the_next_one_is_awaited(hanging: Hanging) -> None:
    shared = Shared(hanging, 1000.0)
    shared.get()
    shared.forget()

    with patience.within(0.1), pytest.raises(NotYet):
        shared.get()

    hanging.release.set()
    assert shared.get().value == 2


def test_a_part_of_a_page_waits_for_all_its_first_reads_together() -> None:
    release = threading.Event()
    sources = [Shared(lambda: release.wait(20), 2.0) for _ in range(5)]

    started = time.perf_counter()
    with patience.within(0.2):
        for source in sources:
            with pytest.raises(NotYet):
                source.get()
    # Alone each of them would wait for FIRST_S.
    assert time.perf_counter() - started < FIRST_S
    release.set()


def test_twenty_viewers_make_one_read() -> None:
    viewers = 20
    entered, release = threading.Event(), threading.Event()
    calls: list[None] = []

    def slow() -> str:
        calls.append(None)
        entered.set()
        assert release.wait(20)
        return "value"

    shared = Shared(slow, 1000.0)
    with ThreadPoolExecutor(viewers) as pool:
        asked = [pool.submit(shared.get) for _ in range(viewers)]
        assert entered.wait(20)
        release.set()
        readings: list[Reading[str]] = [answer.result(20) for answer in asked]

    assert len(calls) == 1
    assert all(reading is readings[0] for reading in readings)


def test_forgetting_does_not_wait_for_a_read_under_way_and_that_read_does_not_count() -> None:
    entered, release = threading.Event(), threading.Event()
    values = iter(["from before", "from after"])

    def slow() -> str:
        value = next(values)
        entered.set()
        assert release.wait(20)
        return value

    shared = Shared(slow, 1000.0)
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(shared.get)
        assert entered.wait(20)
        forgotten = pool.submit(shared.forget)
        try:
            forgotten.result(5)
        finally:
            release.set()
        early.result(20)

    assert shared.get().value == "from after"
