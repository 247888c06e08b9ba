"""Lookups are counted over time and by latency, and what they saved has a price."""

from __future__ import annotations

import pytest

from services.lookup.prices import savings
from services.lookup.stats import BOUNDS_MS, BUCKETS, Counts, LookupStats, Noted, percentile


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


HIT = Noted(Counts(hits=1, saved=1, saved_units=1, cache_bytes=100, cache_ms=1.5), cache_ms=1.5)
MISS = Noted(Counts(misses=1, table_reads=1, units=1, cache_ms=1.5, table_ms=6.0), cache_ms=1.5, table_ms=6.0)


def test_lookups_of_ten_seconds_are_one_bucket() -> None:
    clock = Clock(1_005.0)
    stats = LookupStats(clock)
    stats.note(HIT)
    clock.now = 1_009.9
    stats.note(MISS)
    clock.now = 1_010.0
    stats.note(HIT)

    found = stats.snapshot()

    assert [(each.start, each.counts.hits, each.counts.misses) for each in found.buckets] == [
        (1000, 1, 1),
        (1010, 1, 0),
    ]
    assert found.total == HIT.counts + MISS.counts + HIT.counts
    assert sum(found.cache.classes) == 3
    assert sum(found.table.classes) == 1


def test_the_oldest_buckets_leave_and_the_total_stays() -> None:
    clock = Clock(0.0)
    stats = LookupStats(clock)
    for number in range(BUCKETS + 5):
        clock.now = number * 10.0
        stats.note(HIT)

    found = stats.snapshot()

    assert len(found.buckets) == BUCKETS
    assert found.buckets[0].start == 50
    assert found.total.hits == BUCKETS + 5


def test_a_clock_that_was_set_back_keeps_buckets_in_order() -> None:
    clock = Clock(1_000.0)
    stats = LookupStats(clock)
    stats.note(HIT)
    clock.now = 500.0
    stats.note(HIT)

    assert [(each.start, each.counts.hits) for each in stats.snapshot().buckets] == [(1000, 2)]


@pytest.mark.parametrize(
    ("latency_ms", "place"), [(0.0, 0), (0.5, 0), (0.6, 1), (1024.0, len(BOUNDS_MS) - 1), (5_000.0, len(BOUNDS_MS))]
)
def test_a_latency_belongs_to_the_class_whose_bound_it_does_not_exceed(latency_ms: float, place: int) -> None:
    stats = LookupStats()
    stats.note(Noted(Counts(), cache_ms=latency_ms))

    assert stats.snapshot().cache.classes[place] == 1


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_of_one_value_every_percentile_is_that_value_and_of_none_there_is_none() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) is None


def test_savings_are_reads_not_made_less_what_the_cache_cost() -> None:
    counts = Counts(
        hits=2_000_000,
        misses=1,
        table_reads=1,
        saved=2_000_000,
        saved_units=2e6,
        cache_bytes=100_000_000,
        cache_ms=2_000_001 * 1.0,
        table_ms=5.0,
    )

    found = savings(counts, table_read_usd=0.125, cache_transfer_usd=0.50)

    assert found.table_usd == pytest.approx(0.25)
    assert found.cache_usd == pytest.approx(0.05)
    assert found.net_usd == pytest.approx(0.20)
    assert found.time_ms == pytest.approx(2_000_000 * 4.0)


def test_a_slow_cache_saves_less_than_no_time_and_an_unknown_table_says_nothing() -> None:
    slow = Counts(hits=10, saved=10, table_reads=1, cache_ms=100.0, table_ms=4.0)

    assert savings(slow, 0.125, 0.5).time_ms == pytest.approx(-60.0)
    assert savings(Counts(hits=10, saved=10, cache_ms=10.0), 0.125, 0.5).time_ms is None
