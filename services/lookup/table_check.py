"""Holding the whole table, or a sample of it, against the cache, and bringing right what is not.

    scan the table ─ page by page ─▶ read the cache ─▶ judge ─ equal, expired, never cached ─▶ counted
                                                            └ anything else ─ again after 2 s ─▶ counted and listed
    then: keys that the topic, the log and this process know and the scan did not meet ─▶ orphaned?

Orphans cannot be listed, because Momento has no call that lists keys; only keys that were heard of can be looked for.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from core import names
from core.aws import Aws, translated
from core.momento_client import MomentoCache
from services.audit.log import Audit
from services.cache.agreement import Judgement, Standing, judge
from services.cache.document import Item, document
from services.cache.reconcile import Outcome, Reconciled, Reconciler
from services.jobs.jobs import Control
from services.lookup.key_evidence import FactsReader, KeyFacts
from services.lookup.read_through import Lookup, Lookups
from services.weather.table import WeatherTable

#: Records of one page, reads of the cache at once, and keys per second at most.
PAGE, THREADS, KEYS_PER_S = 100, 8, 500
#: A difference is looked at again after this many seconds, so that what is on its way is not accused.
AGAIN_AFTER_S = 2.0
#: Findings that are kept; more are only counted.
MOST_FINDINGS = 50_000

_SETTLED = frozenset({Standing.EQUAL, Standing.EXPIRED, Standing.NEVER_CACHED, Standing.NEITHER})


@dataclass(frozen=True)
class Finding:
    """One key that is not equal: where it stands, and what both sides held."""

    location: str
    judgement: Judgement
    item: Item | None
    cached: bytes | None


@dataclass(frozen=True)
class CheckResult:
    """What a check found. `units` are read capacity units; `whole` is False for a sample, and when it was cancelled.

    `heard_of` counts the keys outside the scan that were looked for in the cache; `problems` say what was not known.
    """

    counts: Mapping[Standing, int]
    findings: tuple[Finding, ...]
    checked: int
    heard_of: int
    whole: bool
    units: float
    seconds: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Both sides of one key, and where it stands; None when a side could not be read."""

    lookup: Lookup
    judgement: Judgement | None


class Checker:
    """Makes checks. Safe to share between threads."""

    def __init__(
        self, aws: Aws, cache: MomentoCache, table: WeatherTable, lookups: Lookups, facts: FactsReader
    ) -> None:
        self._aws = aws
        self._cache = cache
        self._table = table
        self._lookups = lookups
        self.facts = facts

    def compare(self, location: str) -> Comparison:
        """One key on both sides; a difference that may pass, again after 2 s. Never raises a DashboardError."""
        found = self._compared(location)
        if found.judgement is None or found.judgement.standing in _SETTLED:
            return found
        time.sleep(AGAIN_AFTER_S)
        return self._compared(location)

    def _compared(self, location: str) -> Comparison:
        lookup = self._lookups.look_up(location)
        if lookup.cache is None or lookup.table is None:
            return Comparison(lookup, None)
        item = lookup.table.raw
        known = self.facts.read().of(location, item is not None)
        return Comparison(lookup, judge(item, lookup.cache.value, known, time.time()))

    def check(self, sample: int | None, control: Control) -> CheckResult:
        """Checks about `sample` records, or all of them. Raises DashboardError when a side cannot be read."""
        return _Check(self, sample, control).run()

    def size(self) -> int:
        """How many records the table has, as DescribeTable says: on AWS counted every six hours."""
        with translated(f"Describing table {names.TABLE}"):
            return int(self._aws.dynamodb.describe_table(TableName=names.TABLE)["Table"].get("ItemCount", 0))

    def scan(self, segment: tuple[int, int]) -> Iterator[tuple[list[Item], float]]:
        """The items of one segment of so many, page by page, each page with its read units. Raises DashboardError."""
        number, total = segment
        extra: dict[str, Any] = {} if total == 1 else {"Segment": number, "TotalSegments": total}
        while True:
            with translated(f"Reading table {names.TABLE}"):
                answer: Any = self._aws.patient.dynamodb.scan(
                    TableName=names.TABLE,
                    Limit=PAGE,
                    ConsistentRead=True,
                    ReturnConsumedCapacity="TOTAL",
                    **extra,
                )
            yield answer["Items"], float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
            if "LastEvaluatedKey" not in answer:
                return
            extra["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def judged(self, item: Item, facts: KeyFacts) -> Finding:
        """An item that was just read, held against the cache. Raises DashboardError."""
        location = item[names.TABLE_KEY]["S"]
        cached = self._cache.get(names.CACHE, location).value
        return Finding(location, judge(item, cached, facts.of(location, True), time.time()), item, cached)

    def looked_at(self, location: str, facts: KeyFacts) -> tuple[Finding, float]:
        """One look at both sides of a key, judged, and the read units it took. Raises DashboardError."""
        cached = self._cache.get(names.CACHE, location).value
        read = self._table.get(location)
        judgement = judge(read.raw, cached, facts.of(location, read.raw is not None), time.time())
        return Finding(location, judgement, read.raw, cached), read.capacity_units

    def may_be_orphaned(self, location: str) -> bool:
        """Whether the cache has a key. Raises DashboardError."""
        return self._cache.get(names.CACHE, location).hit

    def heard_of(self, facts: KeyFacts, whole: bool) -> set[str]:
        """Keys that the topic, the log or our lookups named; beside a sample only those heard to be deleted."""
        return set(facts.locations if whole else facts.removed) | set(self._lookups.recent())


class _Check:
    """One check under way."""

    def __init__(self, checker: Checker, sample: int | None, control: Control) -> None:
        self._checker = checker
        self._sample = sample
        self._control = control
        self._counts: Counter[Standing] = Counter()
        self._findings: list[Finding] = []
        self._again: list[tuple[float, str]] = []
        self._unmet: set[str] = set()
        self._units = 0.0
        self._checked = 0
        self._facts = checker.facts.read()
        self._started = time.monotonic()

    def run(self) -> CheckResult:
        size = self._checker.size()
        total = min(size, self._sample) if self._sample else size
        segments = max(1, ceil(size / self._sample)) if self._sample else 1
        unmet = self._unmet = self._checker.heard_of(self._facts, whole=segments == 1)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="agreement") as pool:
            for items, units in self._checker.scan((random.randrange(segments), segments)):
                self._units += units
                self._take(pool.map(partial(self._checker.judged, facts=self._facts), items))
                unmet.difference_update(item[names.TABLE_KEY]["S"] for item in items)
                self._checked += len(items)
                self._control.report(self._checked, max(total, self._checked), f"{self._checked:,} records looked at")
                self._second_looks(pool, time.monotonic() - AGAIN_AFTER_S)
                if self._paced():
                    break
            if not self._control.cancelled:
                self._orphans(pool, sorted(unmet))
            self._wait_for_the_last()
            self._second_looks(pool, time.monotonic())
        return CheckResult(
            dict(self._counts),
            tuple(self._findings),
            self._checked,
            len(unmet),
            segments == 1 and not self._control.cancelled,
            self._units,
            time.monotonic() - self._started,
            self._facts.problems,
        )

    def _paced(self) -> bool:
        """Keeps to the rate. True when cancelled."""
        due = self._started + self._checked / KEYS_PER_S
        return self._control.wait(max(0.0, due - time.monotonic()))

    def _take(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.judgement.standing in _SETTLED:
                self._count(finding)
            else:
                self._again.append((time.monotonic(), finding.location))

    def _orphans(self, pool: ThreadPoolExecutor, locations: Sequence[str]) -> None:
        """Looks for keys in the cache that the scan did not meet."""
        for start in range(0, len(locations), PAGE):
            if self._control.cancelled:
                return
            some = locations[start : start + PAGE]
            there = pool.map(self._checker.may_be_orphaned, some)
            # Whether the table has them is looked at in the second look.
            self._again += [(time.monotonic(), each) for each, hit in zip(some, there, strict=True) if hit]
            self._control.report(self._checked, self._checked, f"{start + len(some):,} deleted keys looked for")

    def _wait_for_the_last(self) -> None:
        if self._again:
            self._control.wait(max(0.0, self._again[-1][0] + AGAIN_AFTER_S - time.monotonic()))

    def _second_looks(self, pool: ThreadPoolExecutor, until: float) -> None:
        """Looks again at the differences that were seen before `until`, and counts them."""
        due = [location for seen, location in self._again if seen <= until]
        if not due:
            return
        self._again = [(seen, location) for seen, location in self._again if seen > until]
        facts = self._facts = self._checker.facts.read()
        for finding, units in pool.map(lambda location: self._checker.looked_at(location, facts), due):
            self._units += units
            only_cached = finding.item is None and finding.cached is not None
            if only_cached or finding.location not in self._unmet:
                self._count(finding)

    def _count(self, finding: Finding) -> None:
        standing = finding.judgement.standing
        self._counts[standing] += 1
        if standing not in (Standing.EQUAL, Standing.NEITHER) and len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)


@dataclass(frozen=True)
class Plan:
    """What making these keys right would do, as they were when they were looked at."""

    put: tuple[str, ...]
    delete: tuple[str, ...]

    @property
    def locations(self) -> tuple[str, ...]:
        """All of them."""
        return self.put + self.delete


def plan(findings: Iterable[Finding]) -> Plan:
    """The plan for findings: put what the table has and the cache takes, delete the rest. Pure."""
    put, delete = [], []
    for finding in findings:
        wanted = document(finding.item) if finding.item is not None else None
        if wanted is not None:
            put.append(finding.location)
        elif finding.cached is not None:
            delete.append(finding.location)
    return Plan(tuple(put), tuple(delete))


def make_right(reconciler: Reconciler, locations: Sequence[str], control: Control) -> tuple[Reconciled, ...]:
    """Reconciles keys one after the other until done or cancelled; what was done is in the result."""
    done: list[Reconciled] = []
    for number, location in enumerate(locations):
        if control.cancelled:
            break
        done.append(reconciler.reconcile(location))
        gave_up = sum(each.outcome is Outcome.GAVE_UP for each in done)
        control.report(number + 1, len(locations), f"{number + 1:,} of {len(locations):,} keys, {gave_up:,} gave up")
    return tuple(done)


def make_right_audited(
    reconciler: Reconciler, audit: Audit, who: str, locations: Sequence[str], control: Control
) -> tuple[Reconciled, ...]:
    """`make_right` as an act of the audit log. Raises a DashboardError when its intent cannot be written."""
    keys = [{"key": location} for location in locations]
    with audit.acting("Make keys right", who, "they differ from the table", keys=len(keys)) as act:
        act.list(keys)
        done = make_right(reconciler, locations, control)
        lines = [{"key": each.location, "outcome": each.outcome.value, "why": each.why} for each in done]
        gave_up = sum(each.outcome is Outcome.GAVE_UP for each in done)
        act.end(f"{len(done) - gave_up:,} of {len(keys):,} right, {gave_up:,} gave up", lines)
    return done
