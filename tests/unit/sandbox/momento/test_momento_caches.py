"""The sandbox's caches as a pure thing: a clock that the test moves, and a model that remembers everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sandbox.momento.caches import Cache, Caches, Counts, Room
from sandbox.momento.errors import AlreadyExists, CacheNotFound, InvalidArgument, TooLarge, TooMany, WrongType
from sandbox.momento.limits import ITEM_BYTES, MAX_CACHES, MAX_ITEM_BYTES, MAX_TTL_MS


class Clock:
    """A monotonic clock in seconds that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(Counts(), Room(), clock)


def test_an_item_is_there_until_its_time_to_live_is_over(cache: Cache, clock: Clock) -> None:
    cache.set(b"k", b"v", 2_000)
    clock.now += 1.999
    assert cache.get(b"k") == b"v"
    clock.now += 0.001
    assert cache.get(b"k") is None
    assert cache.remaining_ms(b"k") is None


def test_an_overwrite_starts_the_time_to_live_anew(cache: Cache, clock: Clock) -> None:
    cache.set(b"k", b"old", 1_000)
    clock.now += 0.9
    cache.set(b"k", b"new", 1_000)
    clock.now += 0.9
    assert cache.get(b"k") == b"new"
    assert cache.remaining_ms(b"k") == 100


def test_a_write_frees_items_that_nobody_reads_any_more(cache: Cache, clock: Clock) -> None:
    # Given a thousand items that have expired unread, behind one that lives on
    cache.set(b"first", b"v", 60_000)
    for number in range(1_000):
        cache.set(b"dead-%d" % number, b"v", 1_000)
    clock.now += 2
    # When a little more than half as many writes follow
    for _ in range(510):
        cache.set(b"live", b"v", 60_000)
    # Then their memory is free
    assert len(cache) <= 3


def test_the_sweep_leaves_the_living(cache: Cache) -> None:
    for number in range(100):
        cache.set(b"%d" % number, b"v", 60_000)
    assert all(cache.has(b"%d" % number) for number in range(100))


def test_set_if_absent_stores_only_where_nothing_lives(cache: Cache, clock: Clock) -> None:
    assert cache.set_if_absent(b"k", b"1", 1_000)
    assert not cache.set_if_absent(b"k", b"2", 1_000)
    clock.now += 1
    assert cache.set_if_absent(b"k", b"3", 1_000)
    assert cache.get(b"k") == b"3"


def test_increment_starts_at_zero_and_refuses_what_is_no_number(cache: Cache) -> None:
    assert cache.increment(b"n", 5, 1_000) == 5
    assert cache.increment(b"n", -7, 1_000) == -2
    cache.set(b"n", b"seven", 1_000)
    with pytest.raises(WrongType):
        cache.increment(b"n", 1, 1_000)
    cache.set(b"n", str(2**63 - 1).encode(), 1_000)
    with pytest.raises(WrongType):
        cache.increment(b"n", 1, 1_000)


@pytest.mark.parametrize("ttl_ms", [0, -1, MAX_TTL_MS + 1])
def test_a_time_to_live_outside_the_limits_is_refused_and_stores_nothing(cache: Cache, ttl_ms: int) -> None:
    with pytest.raises(InvalidArgument):
        cache.set(b"k", b"v", ttl_ms)
    assert cache.get(b"k") is None


@pytest.mark.parametrize(
    "use",
    [lambda c: c.get(b""), lambda c: c.set(b"", b"v", 1), lambda c: c.delete(b""), lambda c: c.increment(b"", 1, 1)],
)
def test_an_empty_key_is_refused_by_every_operation(cache: Cache, use: Callable[[Cache], object]) -> None:
    with pytest.raises(InvalidArgument):
        use(cache)


def test_key_and_value_together_may_be_five_megabytes_and_no_more(cache: Cache) -> None:
    cache.set(b"key", bytes(MAX_ITEM_BYTES - 3), 1_000)
    with pytest.raises(TooLarge) as refusal:
        cache.set(b"key", bytes(MAX_ITEM_BYTES - 2), 1_000)
    assert refusal.value.err == "item_size_limit_exceeded"


def test_caches_are_made_and_removed_by_name() -> None:
    caches = Caches()
    caches.create("b")
    caches.create("a")
    assert caches.names() == ["a", "b"]
    with pytest.raises(AlreadyExists):
        caches.create("a")
    caches.open("a").set(b"k", b"v", 1_000)
    caches.delete("a")
    with pytest.raises(CacheNotFound, match="Cache not found"):
        caches.open("a")
    with pytest.raises(CacheNotFound):
        caches.delete("a")
    with pytest.raises(InvalidArgument):
        caches.create("")
    caches.create("a")
    assert caches.open("a").get(b"k") is None


def test_counts_survive_the_cache_they_came_from() -> None:
    caches = Caches()
    caches.create("a")
    cache = caches.open("a")
    cache.set(b"k", b"v", 1_000)
    cache.get(b"k")
    cache.get(b"other")
    cache.delete(b"k")
    caches.delete("a")
    assert caches.counts == Counts(sets=1, gets=2, hits=1, misses=1, deletes=1)


class CacheAgainstModel(RuleBasedStateMachine):
    """Any mix of writes, deletes and time: the cache shows exactly what a plain dict of expiries would."""

    keys = st.sampled_from([b"a", b"b", b"c", b"d"])
    ttls = st.integers(1, 5_000)

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = Cache(Counts(), Room(), self.clock)
        self.model: dict[bytes, tuple[bytes, float]] = {}

    def living(self) -> dict[bytes, bytes]:
        return {key: value for key, (value, until) in self.model.items() if until > self.clock.now}

    @rule(key=keys, value=st.binary(max_size=3), ttl_ms=ttls)
    def set(self, key: bytes, value: bytes, ttl_ms: int) -> None:
        self.cache.set(key, value, ttl_ms)
        self.model[key] = (value, self.clock.now + ttl_ms / 1000)

    @rule(key=keys, value=st.binary(max_size=3), ttl_ms=ttls)
    def set_if_absent(self, key: bytes, value: bytes, ttl_ms: int) -> None:
        absent = key not in self.living()
        assert self.cache.set_if_absent(key, value, ttl_ms) == absent
        if absent:
            self.model[key] = (value, self.clock.now + ttl_ms / 1000)

    @rule(key=keys)
    def delete(self, key: bytes) -> None:
        self.cache.delete(key)
        self.model.pop(key, None)

    @rule(key=keys, ttl_ms=ttls)
    def expire_in(self, key: bytes, ttl_ms: int) -> None:
        self.cache.expire_in(key, ttl_ms)
        if key in self.living():
            self.model[key] = (self.model[key][0], self.clock.now + ttl_ms / 1000)

    @rule()
    def flush(self) -> None:
        self.cache.flush()
        self.model.clear()

    @rule(seconds=st.floats(0, 3))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        assert self.cache.get(key) == self.living().get(key)

    @invariant()
    def nothing_living_is_lost(self) -> None:
        assert len(self.cache) >= len(self.living())


TestCacheAgainstModel = CacheAgainstModel.TestCase
TestCacheAgainstModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_what_all_caches_hold_is_bounded_and_room_comes_back_however_an_item_goes(clock: Clock) -> None:
    each = ITEM_BYTES + 10
    caches = Caches(clock, most_bytes=2 * each)
    for name in ("a", "b"):
        caches.create(name)
        caches.open(name).set(b"k", bytes(9), 1_000)

    with pytest.raises(TooMany, match="Storage limit exceeded"):
        caches.open("a").set(b"x", b"", 1_000)
    assert caches.open("a").get(b"x") is None

    caches.open("a").set(b"k", bytes(8), 1_000)
    ways: list[Callable[[], object]] = [
        lambda: caches.open("a").delete(b"k"),
        lambda: caches.open("a").flush(),
        lambda: setattr(clock, "now", clock.now + 2),
        lambda: caches.delete("b"),
    ]
    for go in ways:
        caches.open("a").set(b"k", bytes(9), 1_000)
        go()
        caches.open("a").set(b"k", bytes(9), 1_000)
    caches.open("a").set(b"x", bytes(9), 1_000)
    with pytest.raises(TooMany):
        caches.open("a").set(b"y", b"", 1_000)


def test_caches_are_bounded_in_number(clock: Clock) -> None:
    caches = Caches(clock)
    for number in range(MAX_CACHES):
        caches.create(str(number))

    with pytest.raises(TooMany):
        caches.create("one more")
