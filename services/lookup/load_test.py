"""Many read-through lookups at a bounded rate over chosen keys, and what came of them."""

from __future__ import annotations

import random
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from core.errors import InvalidInput
from services.jobs.jobs import Control
from services.lookup.read_through import Fill, ReadThrough
from services.lookup.stats import percentile

#: Bounds of what may be asked for: reads in all, and reads per second.
READS_MIN, READS_MAX = 10, 100_000
RATE_MIN, RATE_MAX = 1, 2_000
#: Reads under way at once. More threads would only wait for each other in one process.
THREADS = 8
#: How often the progress is told, in seconds.
TELL_S = 0.25


class Draw(Enum):
    """How keys are drawn."""

    EVEN = "each key alike"
    #: The key of rank r is drawn 1/r as often as the first.
    ZIPF = "few keys often (Zipf)"


@dataclass(frozen=True)
class LoadPlan:
    """What to run: `rate` is in reads per second."""

    keys: tuple[str, ...]
    reads: int
    rate: int
    draw: Draw = Draw.EVEN
    fill: bool = True


@dataclass(frozen=True)
class Spread:
    """Latencies of some calls in milliseconds; None without any call."""

    p50: float | None
    p95: float | None
    p99: float | None
    calls: int


@dataclass(frozen=True)
class LoadResult:
    """What came of a load test over so many `keys`. `errors` counts by kind; each hit is a table read saved."""

    keys: int
    asked: int
    done: int
    seconds: float
    hits: int
    misses: int
    filled: int
    not_found: int
    units: float
    errors: Mapping[str, int]
    cache: Spread
    table: Spread

    @property
    def hit_rate(self) -> float | None:
        """Hits among the reads that the cache answered, 0 to 1."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else None

    @property
    def rate(self) -> float:
        """Reads per second that were reached."""
        return self.done / self.seconds if self.seconds else 0.0


def check_plan(plan: LoadPlan) -> None:
    """Raises InvalidInput when a plan asks for what is not allowed."""
    if not READS_MIN <= plan.reads <= READS_MAX:
        raise InvalidInput("reads", f"{plan.reads:,} reads.", f"Allowed are {READS_MIN} to {READS_MAX:,}.")
    if not RATE_MIN <= plan.rate <= RATE_MAX:
        raise InvalidInput("rate", f"{plan.rate:,} reads per second.", f"Allowed are {RATE_MIN} to {RATE_MAX:,}.")


def run(plan: LoadPlan, read_through: Callable[[str, bool], ReadThrough], control: Control) -> LoadResult:
    """Runs a plan until done or cancelled; without keys it reads nothing. Raises InvalidInput."""
    check_plan(plan)
    return _Run(plan, read_through, control).run()


class _Run:
    def __init__(self, plan: LoadPlan, read_through: Callable[[str, bool], ReadThrough], control: Control) -> None:
        self._plan = plan
        self._read_through = read_through
        self._control = control
        self._keys = _drawn(plan)
        self._next = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._cache_ms, self._table_ms = array("d"), array("d")
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._units = 0.0
        self._started = time.monotonic()

    def run(self) -> LoadResult:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="load") as pool:
            workers = [pool.submit(self._work) for _ in range(THREADS)]
            while not all(worker.done() for worker in workers):
                if self._control.wait(TELL_S):
                    self._stop.set()
                    break
                self._tell()
            for worker in workers:
                worker.result()
        self._tell()
        return self._result()

    def _work(self) -> None:
        while (number := self._take()) is not None:
            due = self._started + number / self._plan.rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            self._note(self._read_through(self._keys[number], self._plan.fill))

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= len(self._keys) or self._stop.is_set():
                return None
            self._next += 1
            return self._next - 1

    def _note(self, read: ReadThrough) -> None:
        with self._lock:
            self._counts["done"] += 1
            self._counts["hits"] += read.hit
            self._counts["misses"] += read.cache is not None and not read.hit
            self._counts["filled"] += read.fill is Fill.FILLED
            self._counts["not_found"] += read.table is not None and read.table.item is None
            if read.cache is not None:
                self._cache_ms.append(read.cache.latency_ms)
            if read.table is not None:
                self._table_ms.append(read.table.latency_ms)
                self._units += read.table.capacity_units
            for side, error in (("Cache", read.cache_error), ("Table", read.table_error)):
                if error is not None:
                    self._errors[f"{side}: {type(error).__name__}"] += 1
            if read.fill is Fill.FAILED and read.cache_error is None:
                self._errors["Cache: not filled"] += 1

    def _tell(self) -> None:
        done = self._counts["done"]
        self._control.report(done, self._plan.reads, f"{done:,} of {self._plan.reads:,} reads")

    def _result(self) -> LoadResult:
        counts = self._counts
        return LoadResult(
            keys=len(self._plan.keys),
            asked=self._plan.reads,
            done=counts["done"],
            seconds=time.monotonic() - self._started,
            hits=counts["hits"],
            misses=counts["misses"],
            filled=counts["filled"],
            not_found=counts["not_found"],
            units=self._units,
            errors=dict(self._errors),
            cache=_spread(self._cache_ms),
            table=_spread(self._table_ms),
        )


def _drawn(plan: LoadPlan) -> list[str]:
    """The key of every read."""
    if not plan.keys:
        return []
    if plan.draw is Draw.EVEN:
        return random.choices(plan.keys, k=plan.reads)
    weights = list(accumulate(1 / rank for rank in range(1, len(plan.keys) + 1)))
    return random.choices(plan.keys, cum_weights=weights, k=plan.reads)


def _spread(times_ms: Sequence[float]) -> Spread:
    ordered = sorted(times_ms)
    return Spread(percentile(ordered, 0.5), percentile(ordered, 0.95), percentile(ordered, 0.99), len(ordered))
