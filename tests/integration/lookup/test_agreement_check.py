"""Reading through, loading and checking the whole table, on a running pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from core import names
from core.errors import InvalidInput, Unreachable
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.cache.agreement import Standing
from services.cache.reconcile import Outcome
from services.checks.cloudwatch import read, table_reads
from services.jobs.jobs import Control, Jobs, JobState
from services.lookup import load_test
from services.lookup.check_csv import findings_csv
from services.lookup.load_test import Draw, LoadPlan
from services.lookup.read_through import Fill
from services.lookup.table_check import CheckResult, make_right, plan
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import a_location, a_record, drain_queue, running_pipeline
from tests.support.writing_through import delete_through, written

T = TypeVar("T")


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.clear_faults()
    admin.start_momento()
    drain_queue(aws)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


def finished(jobs: Jobs, work: Callable[[Control], T]) -> T:
    """What a job returns that runs to its end."""
    job = jobs.start("The test's job", work)
    assert job.join(60)
    assert job.progress.state is JobState.DONE, job.progress
    assert job.result is not None
    return job.result


def standing(result: CheckResult, location: str) -> Standing | None:
    """Where a check found a key; None when it is equal or was not met."""
    return next((each.judgement.standing for each in result.findings if each.location == location), None)


def test_a_fill_is_the_pipes_document_byte_for_byte_and_the_next_read_a_hit(pipeline: Pipeline) -> None:
    location = written(pipeline, MaxTemp="71.25", MinTemp="-3", TTL=600)
    of_the_pipe = pipeline.cache.get(names.CACHE, location).value
    pipeline.cache.delete(names.CACHE, location)
    before = pipeline.lookups.stats.total

    missed = pipeline.lookups.read_through(location, fill=True)
    hit = pipeline.lookups.read_through(location, fill=True)

    assert (missed.hit, missed.fill, hit.hit, hit.table) == (False, Fill.FILLED, True, None)
    assert hit.cache is not None
    assert hit.cache.value == of_the_pipe
    left = pipeline.lookups.remaining_ttl(location)
    assert left is not None
    assert 590 < left.total_seconds() <= 600
    after = pipeline.lookups.stats.total
    assert (after.hits - before.hits, after.misses - before.misses, after.table_reads - before.table_reads) == (1, 1, 1)
    assert (after.saved - before.saved, after.saved_units - before.saved_units) == (1, 1.0)


def test_a_read_without_a_fill_leaves_the_cache_as_it_is(pipeline: Pipeline) -> None:
    location = written(pipeline)
    pipeline.cache.delete(names.CACHE, location)

    found = pipeline.lookups.read_through(location, fill=False)

    assert found.fill is Fill.NOT_WANTED
    assert not pipeline.cache.get(names.CACHE, location).hit


def test_what_is_nowhere_fills_nothing(pipeline: Pipeline) -> None:
    found = pipeline.lookups.read_through(a_location("Nowhere"), fill=True)

    assert found.table is not None
    assert (found.table.item, found.fill) == (None, None)


def test_an_item_that_momento_refuses_is_read_and_not_cached(
    pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    location = a_location()
    aws.client("dynamodb").put_item(TableName=names.TABLE, Item={"Location": {"S": location}, "TTL": {"N": "86401"}})

    found = pipeline.lookups.read_through(location, fill=True)

    assert found.fill is Fill.NEVER_CACHED
    assert "above Momento's 86,400 s" in found.fill_note
    wait_until(lambda: pipeline.queue.depth().total, what="the dead letter of the refused put")
    aws.client("dynamodb").delete_item(TableName=names.TABLE, Key={"Location": {"S": location}})


def test_a_stopped_momento_sends_readers_to_the_table(pipeline: Pipeline, admin: SandboxAdmin) -> None:
    location = written(pipeline)
    admin.stop_momento()

    found = pipeline.lookups.read_through(location, fill=True)

    assert isinstance(found.cache_error, Unreachable)
    assert found.table is not None
    assert found.table.item is not None
    assert found.fill is Fill.FAILED
    admin.start_momento()
    wait_until(lambda: pipeline.lookups.look_up(location).cache_error is None, what="the cache's connection")


@pytest.mark.usefixtures("clean_table")
def test_a_whole_check_finds_each_kind_of_difference_and_the_repair_brings_them_right(
    pipeline: Pipeline, jobs: Jobs
) -> None:
    # Others' items, whose keys the log still names, would be orphans, too.
    pipeline.cache.flush_cache(names.CACHE)
    fine = [written(pipeline) for _ in range(3)]
    missing, stale, orphaned = (written(pipeline, word) for word in ("Missing", "Stale", "=Orphaned"))
    delete_through(pipeline, orphaned)
    pipeline.cache.delete(names.CACHE, missing)
    for location in (stale, orphaned):
        pipeline.cache.set(names.CACHE, location, b'{"Location": "older"}', 600)
    wait_until(lambda: pipeline.checker.facts.read().of(missing, True).delivery is not None, what="the log")

    def checked() -> CheckResult | None:
        found = finished(jobs, lambda control: pipeline.checker.check(None, control))
        # Just after a change a difference may be on its way.
        return None if found.counts.get(Standing.IN_FLIGHT) else found

    result: CheckResult = wait_until(checked, what="a check of changes that are some seconds old")

    assert result.whole
    assert result.checked == 5
    assert [standing(result, each) for each in (missing, stale, orphaned)] == [
        Standing.MISSING,
        Standing.STALE,
        Standing.ORPHANED,
    ]
    assert [standing(result, each) for each in fine] == [None] * 3
    assert (result.counts[Standing.EQUAL], len(result.findings)) == (3, 3)
    assert f"'{orphaned}" in findings_csv(result.findings), "a location that looks like a formula is text"

    todo = plan(result.findings)
    assert (set(todo.put), set(todo.delete)) == ({missing, stale}, {orphaned})
    done = finished(jobs, lambda control: make_right(pipeline.reconciler, todo.locations, control))
    assert {each.location: each.outcome for each in done} == {
        missing: Outcome.PUT,
        stale: Outcome.PUT,
        orphaned: Outcome.DELETED,
    }

    again = finished(jobs, lambda control: pipeline.checker.check(None, control))
    assert dict(again.counts) == {Standing.EQUAL: 5}


@pytest.mark.usefixtures("clean_table")
def test_a_record_whose_delivery_failed_is_joined_to_its_dead_letter(
    pipeline: Pipeline, admin: SandboxAdmin, jobs: Jobs
) -> None:
    failed = written(pipeline, MaxTemp=60)
    admin.fail_momento(500, 2)
    pipeline.table.put(a_record(failed, MaxTemp=61))
    wait_until(lambda: pipeline.queue.depth().total >= 2, what="the dead letters of both pipes")
    pipeline.dead_letters.ask()
    wait_until(
        lambda: (pipeline.log.forget(), pipeline.checker.facts.read().letters)[1],
        what="the letters joined to their key",
    )

    found = finished(jobs, lambda control: pipeline.checker.check(None, control))

    assert standing(found, failed) in (Standing.DEAD_LETTERED, Standing.IN_FLIGHT)
    # It changed just now; once that is over only the dead letter explains it.
    wait_until(
        lambda: (
            standing(finished(jobs, lambda control: pipeline.checker.check(None, control)), failed)
            is Standing.DEAD_LETTERED
        ),
        what="the dead letter as the reason",
    )


@pytest.mark.usefixtures("clean_table")
def test_a_key_whose_ttl_ran_out_has_expired(pipeline: Pipeline, jobs: Jobs) -> None:
    location = written(pipeline, TTL=1)
    wait_until(lambda: not pipeline.cache.get(names.CACHE, location).hit, what="the TTL to run out")
    wait_until(lambda: pipeline.checker.facts.read().of(location, True).delivery is not None, what="the log")

    def checked() -> Standing | None:
        return standing(finished(jobs, lambda control: pipeline.checker.check(None, control)), location)

    # Just after a change a difference may be on its way; then it is what it is.
    wait_until(lambda: checked() is Standing.EXPIRED, what="the key to count as expired")


@pytest.mark.usefixtures("clean_table")
def test_a_sample_is_a_part_of_the_table(pipeline: Pipeline, jobs: Jobs) -> None:
    for _ in range(40):
        pipeline.table.put(a_record(a_location()))

    result = finished(jobs, lambda control: pipeline.checker.check(10, control))

    assert not result.whole
    assert 0 <= result.checked < 40


def test_a_check_without_momento_fails_in_words(pipeline: Pipeline, admin: SandboxAdmin, jobs: Jobs) -> None:
    location = written(pipeline)
    admin.stop_momento()

    job = jobs.start("The check", lambda control: pipeline.checker.check(None, control))

    assert job.join(60)
    assert job.progress.state is JobState.FAILED
    assert isinstance(job.progress.error, Unreachable)
    admin.start_momento()
    wait_until(lambda: pipeline.lookups.look_up(location).cache_error is None, what="the cache's connection")


def test_a_load_test_counts_what_it_did(pipeline: Pipeline, jobs: Jobs) -> None:
    there, gone = written(pipeline), a_location("Nowhere")
    pipeline.cache.delete(names.CACHE, there)
    load = LoadPlan((there, gone), reads=200, rate=2_000, draw=Draw.ZIPF, fill=True)

    result = finished(jobs, lambda control: load_test.run(load, pipeline.lookups.read_through, control))

    assert (result.done, result.hits + result.misses, result.errors) == (200, 200, {})
    assert result.filled == 1
    assert result.not_found > 0
    assert result.units == result.table.calls
    assert result.cache.calls == 200
    assert result.hits > result.not_found, "the first key is drawn twice as often as the second"


def test_a_load_test_stops_when_it_is_cancelled_and_keeps_what_it_counted(pipeline: Pipeline, jobs: Jobs) -> None:
    load = LoadPlan((written(pipeline),), reads=1_000, rate=20)
    job = jobs.start("The load test", lambda control: load_test.run(load, pipeline.lookups.read_through, control))
    wait_until(lambda: job.progress.done > 0, what="the first reads")

    job.cancel()

    assert job.join(20)
    assert job.progress.state is JobState.CANCELLED
    assert job.result is not None
    assert 0 < job.result.done < 1_000


@pytest.mark.parametrize("changed", [{"reads": 9}, {"reads": 100_001}, {"rate": 0}, {"rate": 2_001}])
def test_a_load_test_beyond_its_bounds_is_refused(changed: dict[str, object]) -> None:
    fields = {"keys": ("Oslo",), "reads": 10, "rate": 1, **changed}

    with pytest.raises(InvalidInput):
        load_test.check_plan(LoadPlan(**fields))  # type: ignore[arg-type]


def test_awss_own_series_are_read_in_the_order_asked_for(pipeline: Pipeline, aws: AwsClients) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=50)
    dimensions = [{"Name": "TableName", "Value": names.TABLE}]
    latency = {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 4.0}
    aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/DynamoDB",
        MetricData=[
            {"MetricName": "ConsumedReadCapacityUnits", "Dimensions": dimensions, "Timestamp": minute, "Value": 7.0},
            {
                "MetricName": "SuccessfulRequestLatency",
                "Dimensions": [*dimensions, {"Name": "Operation", "Value": "GetItem"}],
                "Timestamp": minute,
                "StatisticValues": latency,
            },
        ],
    )

    found = read(pipeline._aws, table_reads(), 3600.0)

    assert [series.name for series in found] == [query.name for query in table_reads()]
    at = minute.timestamp()
    values = [{point.start: point.value for point in series.points}.get(at) for series in found]
    assert values == [7.0, 4.0, 2.5]
    assert all(list(series.points) == sorted(series.points, key=lambda point: point.start) for series in found)
