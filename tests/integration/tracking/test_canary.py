"""The canary on a running pipeline: it passes every stage, is lost when a stage fails, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from core import names
from core.errors import InvalidInput
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.tracking.canary import IN_SANDBOX, ON_AWS, Canary, CanaryRun, Pace, Stage, percentile
from services.weather.table import RESERVED_PREFIX, check_location
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import drain_queue, quiet, running_pipeline

#: Runs that follow each other closely enough for a test, and give a stage two seconds.
QUICK = Pace((10, 1), 2.0)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def canary(pipeline: Pipeline) -> Iterator[Canary]:
    with closing(Canary(pipeline.table, pipeline.cache, pipeline.feed, QUICK)) as canary:
        yield canary


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.clear_faults()
    admin.start_momento()
    quiet(admin, {})
    drain_queue(aws)


def first_run(canary: Canary) -> CanaryRun:
    """The canary's first run, once that is over."""
    runs: tuple[CanaryRun, ...] = wait_until(lambda: canary.status().runs, what="the first run")
    return runs[0]


def canaries_in(pipeline: Pipeline) -> list[str]:
    """The locations of canaries in the table."""
    items = pipeline.table.page(1000).items
    return [item["Location"] for item in items if item["Location"].startswith(RESERVED_PREFIX)]


def test_a_canary_passes_every_stage_and_leaves_nothing_behind(pipeline: Pipeline, canary: Canary) -> None:
    began = time.time()
    canary.start(10)

    run = first_run(canary)

    assert run.missing is None
    assert [stage for stage, _ in run.stages if stage in (Stage.WRITTEN, Stage.DELETED)] == [
        Stage.WRITTEN,
        Stage.DELETED,
    ]
    assert all(0 < ms < 2000 for _, ms in run.stages)
    assert run.ms(Stage.READABLE) is not None
    assert run.started_at >= began
    status = canary.status()
    assert (status.interval_s, status.flown, status.lost) == (10, 1, 0)
    assert status.next_at == pytest.approx(run.started_at + 10, abs=1)
    assert canaries_in(pipeline) == []
    events = [event for event in pipeline.feed.snapshot().events if (event.location or "").startswith(RESERVED_PREFIX)]
    assert pipeline.cache.get(names.CACHE, str(events[-1].location)).value is None


def test_it_runs_again_and_again_each_time_with_a_key_of_its_own(pipeline: Pipeline, canary: Canary) -> None:
    version = pipeline.feed.version
    canary.start(1)

    wait_until(lambda: canary.status().flown >= 3, what="three runs")

    told = pipeline.feed.snapshot(after=version).events
    assert len({event.location for event in told if event.event_type == "INSERT"}) >= 3
    assert canary.status().lost == 0


def test_two_canaries_at_once_do_not_take_each_others_events(pipeline: Pipeline, canary: Canary) -> None:
    with closing(Canary(pipeline.table, pipeline.cache, pipeline.feed, QUICK)) as other:
        canary.start(1)
        other.start(1)

        for one in (canary, other):
            wait_until(lambda one=one: one.status().flown >= 2, what="two runs of each")
            assert one.status().lost == 0


def test_a_canary_whose_put_fails_is_lost_where_it_did_not_come(
    pipeline: Pipeline, canary: Canary, admin: SandboxAdmin
) -> None:
    admin.add_faults({"target": "momento.http PUT /cache", "status": 500})
    canary.start(10)

    run = first_run(canary)

    assert run.missing is Stage.READABLE
    assert run.ms(Stage.TOLD) is not None
    assert (canary.status().flown, canary.status().lost) == (1, 1)
    assert canaries_in(pipeline) == []


def test_a_canary_that_momento_cannot_be_asked_about_says_why(canary: Canary, admin: SandboxAdmin) -> None:
    admin.stop_momento()
    canary.start(10)

    run = first_run(canary)

    assert run.missing is not None
    assert "Reading" in run.problem


def test_a_stopped_canary_deletes_its_record_and_keeps_its_results(
    pipeline: Pipeline, canary: Canary, admin: SandboxAdmin
) -> None:
    canary.start(10)
    first_run(canary)
    admin.add_faults({"target": "momento.http PUT /cache", "status": 500})
    canary.start(1)
    wait_until(lambda: canaries_in(pipeline), what="a canary under way")

    canary.stop()

    wait_until(lambda: not canaries_in(pipeline), what="its record to be deleted")
    status = canary.status()
    assert (status.interval_s, status.next_at) == (None, None)
    assert status.runs


def test_an_interval_that_is_not_offered_is_refused(canary: Canary) -> None:
    with pytest.raises(InvalidInput, match="every 7 s"):
        canary.start(7)
    assert canary.status().interval_s is None


def test_only_the_sandbox_offers_seconds() -> None:
    assert min(IN_SANDBOX.intervals_s) == 10
    assert (min(ON_AWS.intervals_s), max(ON_AWS.intervals_s)) == (60, 3600)


def test_nobody_can_enter_the_location_of_a_canary() -> None:
    with pytest.raises(InvalidInput, match="reserved for the canary"):
        check_location(f" {RESERVED_PREFIX}Oslo")
    assert check_location("Canary Wharf") == "Canary Wharf"


def test_percentiles_are_of_the_runs_that_reached_the_stage() -> None:
    runs = [CanaryRun(0.0, ((Stage.WRITTEN, float(ms)),)) for ms in range(1, 101)] + [CanaryRun(0.0, ())]

    assert percentile(runs, Stage.WRITTEN, 0.5) == 51
    assert percentile(runs, Stage.WRITTEN, 0.99) == 100
    assert percentile(runs, Stage.GONE, 0.5) is None
