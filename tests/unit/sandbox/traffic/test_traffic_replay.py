"""The replay: its order of puts and deletes, its pace, and how it counts, stops and gives up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.traffic.observation import Observation
from sandbox.traffic.operations import Delete, Put, count_for, operations
from sandbox.traffic.pace import Pace
from sandbox.traffic.progress_line import progress_line, summary
from sandbox.traffic.replay import GIVE_UP_AFTER, Progress, Replay, WriteFailed

FAST = 10_000


def observation(number: int) -> Observation:
    return Observation(f"Place {number}", date(2026, 1, 1), 70, 50, 10)


def endless() -> Iterator[Observation]:
    number = 0
    while True:
        yield observation(number)
        number += 1


class Table:
    """A place to write to, which refuses the writes whose numbers it is told."""

    def __init__(self, refuse: range = range(0)) -> None:
        self.kept: set[str] = set()
        self.writes = 0
        self._refuse = refuse

    def _write(self) -> None:
        self.writes += 1
        if self.writes in self._refuse:
            raise WriteFailed(f"write {self.writes} refused")

    def put(self, seen: Observation) -> None:
        self._write()
        self.kept.add(seen.location)

    def delete(self, location: str) -> None:
        self._write()
        self.kept.remove(location)


@given(size=st.integers(1, 200), places=st.integers(1, 50), deletes=st.floats(0, 50), seed=st.integers(0, 5))
def test_deletes_have_their_share_and_take_only_what_is_there(
    size: int, places: int, deletes: float, seed: int
) -> None:
    planned = list(operations([observation(number % places) for number in range(size)], deletes, seed))

    there: set[str] = set()
    for operation in planned:
        match operation:
            case Put(seen):
                there.add(seen.location)
            case Delete(location):
                there.remove(location)
    taken = sum(isinstance(operation, Delete) for operation in planned)
    assert len(planned) - taken == size
    assert taken <= len(planned) * deletes / 100
    if places == 50 and size <= 50:
        assert taken >= int(len(planned) * deletes / 100) - 1


def test_the_same_seed_deletes_the_same_locations() -> None:
    seen = [observation(number) for number in range(100)]

    assert list(operations(seen, 20, seed=3)) == list(operations(seen, 20, seed=3))
    assert list(operations(seen, 20, seed=3)) != list(operations(seen, 20, seed=4))


def test_the_count_is_the_one_asked_for_or_all_of_a_source_or_a_thousand() -> None:
    assert count_for(None, 5) == 1000
    assert count_for(1461, 5, asked=10) == 10
    assert count_for(95, 5) == 99


@given(size=st.integers(1, 300), deletes=st.floats(0, 50))
def test_counting_all_of_a_source_puts_each_of_its_observations(size: int, deletes: float) -> None:
    planned = operations([observation(number) for number in range(size)], deletes)

    counted = list(islice(planned, count_for(size, deletes)))

    assert sum(isinstance(operation, Put) for operation in counted) == size
    assert isinstance(counted[-1], Put)


@pytest.mark.parametrize("deletes", [-1, 51, 100, float("nan")])
def test_a_share_of_deletes_that_cannot_be_is_refused(deletes: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 50"):
        count_for(10, deletes)
    with pytest.raises(ValueError, match="between 0 and 50"):
        Replay([], Table().put, Table().delete, deletes=deletes)


@pytest.mark.parametrize("rate", [0, -1, 20_000, float("nan")])
def test_a_rate_that_cannot_be_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Replay([], Table().put, Table().delete, rate=rate)


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Replay([], Table().put, Table().delete, count=0)


def test_the_pace_is_even_whatever_a_write_takes() -> None:
    pace = Pace(rate=10)

    waits = [pace.wait_s(now) for now in (100.0, 100.03, 100.15, 100.35)]

    assert waits == pytest.approx([0, 0.07, 0.05, 0])


def test_a_long_pause_is_not_made_up_for_by_a_burst() -> None:
    pace = Pace(rate=10)
    pace.wait_s(100)

    assert pace.wait_s(160) == 0
    assert pace.wait_s(160) == pytest.approx(0.1)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    pace = Pace(rate=10)
    assert pace.rate_now(0) == 0
    for number in range(101):
        pace.wrote(number / 20)

    assert pace.rate_now(5) == pytest.approx(20)
    assert pace.rate_now(9) == pytest.approx(20 / 5, abs=0.1)
    assert pace.rate_now(60) == 0


def test_a_replay_writes_all_observations_and_counts_them() -> None:
    table = Table()
    replay = Replay([observation(number) for number in range(90)], table.put, table.delete, rate=FAST, deletes=10)

    replay.run()

    done = replay.progress
    assert (done.puts, done.failures, done.running, done.gave_up) == (90, 0, False, False)
    assert done.deletes == done.done - 90 > 0
    assert len(table.kept) == 90 - done.deletes


def test_a_replay_ends_with_its_count() -> None:
    table = Table()
    replay = Replay(endless(), table.put, table.delete, rate=FAST, count=40, deletes=25)

    replay.run()

    done = replay.progress
    assert (done.total, done.done, done.puts, done.deletes) == (40, 40, 30, 10)


def test_failed_writes_are_counted_and_the_replay_goes_on() -> None:
    table = Table(refuse=range(5, 5 + GIVE_UP_AFTER - 1))
    replay = Replay(endless(), table.put, table.delete, rate=FAST, count=50, deletes=0)

    replay.run()

    done = replay.progress
    assert (done.done, done.puts, done.failures, done.gave_up) == (50, 41, 9, False)
    assert done.last_error == "write 13 refused"


def test_ten_failures_in_a_row_end_the_replay() -> None:
    table = Table(refuse=range(5, 1000))
    replay = Replay(endless(), table.put, table.delete, rate=FAST, deletes=0)

    replay.run()

    done = replay.progress
    assert (done.puts, done.failures, done.gave_up, done.running) == (4, GIVE_UP_AFTER, True, False)


def test_any_other_error_is_not_hidden_and_ends_the_replay() -> None:
    def broken(seen: Observation) -> None:
        raise ZeroDivisionError

    replay = Replay(endless(), broken, Table().delete, rate=FAST)

    with pytest.raises(ZeroDivisionError):
        replay.run()
    assert replay.progress.running is False


def test_stop_ends_a_slow_replay_without_waiting_for_its_next_write() -> None:
    table = Table()
    replay = Replay(endless(), table.put, table.delete, rate=0.001)
    thread = threading.Thread(target=replay.run)
    thread.start()

    replay.stop()
    thread.join(30)

    assert not thread.is_alive()
    assert replay.progress.running is False
    assert replay.progress.puts <= 1


def test_the_line_shows_how_far_it_is() -> None:
    half = Progress(total=1000, done=500, puts=470, deletes=30, rate_now=20.04, running=True)

    assert progress_line(half) == f"[{'#' * 15}{'.' * 15}] 500/1,000  20.0/s  puts 470  deletes 30"
    assert progress_line(Progress(done=7, puts=7)) == "7  0.0/s  puts 7  deletes 0"


def test_the_line_and_the_summary_show_the_last_error() -> None:
    gone = Progress(total=20, done=12, puts=2, failures=10, last_error="connection refused", gave_up=True)

    assert progress_line(gone).endswith("failed 10: connection refused")
    assert summary(gone, 3.21) == (
        "Gave up after failures in a row. 2 put, 0 deleted, 10 failed in 3.2 s. Last error: connection refused"
    )
