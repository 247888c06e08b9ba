"""Making a key right: what it does from each start, and that it never leaves the cache older than the table."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest

from core import names
from core.momento_client import CacheRead
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.cache.agreement import Agreement
from services.cache.reconcile import ROUNDS, Outcome, Reconciled, Reconciler
from services.weather.table import TableRead, WeatherTable
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    counts,
    drain_queue,
    quiet,
    running_pipeline,
)
from tests.support.writing_through import delete_through, put_through, written


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port; no fault is on and no dead letter is left afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.clear_faults()
    admin.start_momento()
    drain_queue(aws)


def agreement(pipeline: Pipeline, location: str) -> Agreement | None:
    return pipeline.lookups.look_up(location).agreement


def test_what_is_right_stays_as_it_is(pipeline: Pipeline) -> None:
    location = written(pipeline)

    done = pipeline.reconciler.reconcile(location)

    assert (done.outcome, done.units) == (Outcome.ALREADY_RIGHT, 1.0)


def test_a_missing_key_is_put_as_the_pipe_put_it(pipeline: Pipeline) -> None:
    location = written(pipeline, MaxTemp="71.5", TTL=600)
    before = pipeline.cache.get(names.CACHE, location).value
    pipeline.cache.delete(names.CACHE, location)

    done = pipeline.reconciler.reconcile(location)

    assert done.outcome is Outcome.PUT
    assert done.cached == before == pipeline.cache.get(names.CACHE, location).value
    left = pipeline.cache.remaining_ttl(names.CACHE, location)
    assert left is not None
    assert 590 < left.total_seconds() <= 600


def test_a_stale_value_is_replaced(pipeline: Pipeline) -> None:
    location = written(pipeline)
    pipeline.cache.set(names.CACHE, location, b"yesterday's", 60)

    done = pipeline.reconciler.reconcile(location)

    assert done.outcome is Outcome.PUT
    assert agreement(pipeline, location) is Agreement.EQUAL


def test_an_orphan_is_deleted(pipeline: Pipeline) -> None:
    location = a_location("Ghost")
    pipeline.cache.set(names.CACHE, location, b"{}", 60)

    done = pipeline.reconciler.reconcile(location)

    assert done.outcome is Outcome.DELETED
    assert agreement(pipeline, location) is Agreement.NEITHER


def test_an_item_that_is_never_cached_has_its_old_value_deleted(
    pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    location = written(pipeline)
    aws.client("dynamodb").put_item(
        TableName=names.TABLE, Item={"Location": {"S": location}, "MaxTemp": {"N": "1"}, "TTL": {"N": "0"}}
    )

    done = pipeline.reconciler.reconcile(location)

    assert done.outcome is Outcome.DELETED
    assert "TTL is 0 s" in done.why
    # The pipe fails with that record; the queue is emptied once it has.
    wait_until(lambda: pipeline.queue.depth().total, what="the dead letter")


def test_a_stopped_momento_is_given_up_in_words_and_nothing_is_raised(pipeline: Pipeline, admin: SandboxAdmin) -> None:
    location = written(pipeline)
    admin.stop_momento()

    done = pipeline.reconciler.reconcile(location)

    assert done.outcome is Outcome.GAVE_UP
    assert "Reading" in done.why
    admin.start_momento()
    wait_until(lambda: pipeline.lookups.look_up(location).cache_error is None, what="the cache's connection")


class Between:
    """The table, with something that happens between a read and the put that follows from it."""

    def __init__(self, table: WeatherTable, acts: list[Callable[[], object]]) -> None:
        self._table = table
        self._acts = acts

    def get(self, location: str) -> TableRead:
        """The read, then the next act, if any."""
        read = self._table.get(location)
        if self._acts:
            self._acts.pop(0)()
        return read


def reconciled_while(pipeline: Pipeline, location: str, *acts: Callable[[], object]) -> Reconciled:
    """What a reconcile does when each act happens right after one of its reads of the table."""
    return Reconciler(pipeline.cache, Between(pipeline.table, list(acts))).reconcile(location)  # type: ignore[arg-type]


def test_a_new_write_between_read_and_put_wins(pipeline: Pipeline) -> None:
    location = written(pipeline, MaxTemp=60)
    pipeline.cache.delete(names.CACHE, location)

    done = reconciled_while(pipeline, location, lambda: put_through(pipeline, a_record(location, MaxTemp=80)))

    # The pipe was faster, so its value stands and ours was not stored.
    assert done.outcome is Outcome.ALREADY_RIGHT
    assert b'"80"' in (pipeline.cache.get(names.CACHE, location).value or b"")


def test_a_delete_between_read_and_put_is_not_undone(pipeline: Pipeline) -> None:
    location = written(pipeline)
    pipeline.cache.delete(names.CACHE, location)

    done = reconciled_while(pipeline, location, lambda: delete_through(pipeline, location))

    assert done.outcome is Outcome.DELETED
    assert agreement(pipeline, location) is Agreement.NEITHER


def test_a_record_that_never_rests_is_left_out_of_the_cache(pipeline: Pipeline) -> None:
    """After the last round nobody knows whether what was put is still right, so readers are sent to the table."""
    location = a_location()

    class Restless:
        """A table that says something else each time, before any pipe could deliver it."""

        def __init__(self) -> None:
            self.reads = 0

        def get(self, asked: str) -> TableRead:
            self.reads += 1
            raw = a_record(asked, MaxTemp=50 + self.reads).item()
            return TableRead({}, 1.0, 1.0, raw)

    restless = Restless()
    done = Reconciler(pipeline.cache, restless).reconcile(location)  # type: ignore[arg-type]

    assert (done.outcome, restless.reads) == (Outcome.GAVE_UP, ROUNDS)
    assert pipeline.cache.get(names.CACHE, location) == CacheRead(None, False, pytest.approx(0, abs=5_000))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("deletes", [0.0, 0.3])
def test_writers_and_reconciles_at_once_never_leave_the_cache_older_than_the_table(
    pipeline: Pipeline, admin: SandboxAdmin, deletes: float, seed: int
) -> None:
    """Two writers, two that reconcile, and one that damages the cache.

    With deletes the pipes themselves may leave an orphan (a delete overtakes a put); then a reconcile removes it.
    """
    locations = [a_location() for _ in range(4)]
    before = counts(admin)
    changes: list[str] = []
    done = threading.Event()

    def write(own: random.Random) -> None:
        for _ in range(40):
            location = own.choice(locations)
            if own.random() < deletes:
                changes.append(pipeline.table.delete(location).kind)
            else:
                changes.append(pipeline.table.put(a_record(location, MaxTemp=own.randint(60, 120), TTL=600)).kind)

    def meanwhile(act: Callable[[str], object], own: random.Random) -> None:
        while not done.is_set():
            act(own.choice(locations))

    damage = partial(pipeline.cache.delete, names.CACHE)
    acts: list[Callable[[str], object]] = [damage, pipeline.reconciler.reconcile, pipeline.reconciler.reconcile]
    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, random.Random(seed + number)) for number in range(2)]
        others = [pool.submit(meanwhile, act, random.Random(seed)) for act in acts]
        wait(writers)
        done.set()
        for each in writers + others:
            each.result()

    records = sum(kind != "" for kind in changes)
    quiet(admin, {flow: found["read"] + records for flow, found in before.items()})
    if not deletes:
        assert {agreement(pipeline, each) for each in locations} <= {Agreement.EQUAL, Agreement.MISS}
    for location in locations:
        assert pipeline.reconciler.reconcile(location).outcome is not Outcome.GAVE_UP
        assert agreement(pipeline, location) in (Agreement.EQUAL, Agreement.NEITHER)
