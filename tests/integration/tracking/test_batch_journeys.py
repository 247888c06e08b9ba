"""The rows of jobs that are followed over the real wire, while all goes well and while a pipe is stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.jobs.jobs import Control
from services.tracking.batches import BatchJourney
from services.tracking.hints import Place, hints
from services.weather.changes import Change
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import a_location, a_record, running_pipeline


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as running:
        yield running


def done(pipeline: Pipeline, changes: Sequence[Change]) -> BatchJourney:
    """The journey of the rows of a job that has made all of these changes."""
    journey = pipeline.batch_journeys.follow(changes)
    report = pipeline.batches.run(Control(), changes, journey.acknowledged)
    journey.all_sent()
    assert len(report.written) == len(changes)
    return journey


def counts(journey: BatchJourney) -> list[tuple[int, int]]:
    return [(step.done, step.expected) for step in journey.way.steps]


def inserts(count: int) -> list[Change]:
    return [Change(town, None, a_record(town)) for town in (a_location() for _ in range(count))]


def test_every_row_of_a_job_arrives_and_is_timed(pipeline: Pipeline) -> None:
    written = inserts(120)
    journey = done(pipeline, written)
    wait_until(lambda: journey.way.ended, 60, what="the rows to arrive")

    assert counts(journey) == [(120, 120)] * 3
    assert all(step.usual is not None and step.usual.count > 0 for step in journey.way.steps)
    assert (journey.way.late, journey.way.problem) == (0, "")

    same_again = [Change(one.location, one.record.item(), one.record) for one in written[:1] if one.record]
    deleted = [Change(one.location, one.record.item(), None) for one in written[1:] if one.record]
    gone = done(pipeline, same_again + deleted)
    wait_until(lambda: gone.way.ended, 60, what="the deletes to arrive")

    assert counts(gone) == [(120, 120), (119, 119), (119, 119)], "the same values leave no stream record"
    assert pipeline.cache.get(names.CACHE, written[1].location).value is None


def test_rows_that_a_stopped_pipe_holds_up_are_late_with_what_to_look_at(pipeline: Pipeline, aws: AwsClients) -> None:
    pipes = aws.client("pipes")
    pipe = names.pipe(names.CACHE_PUT)
    pipes.stop_pipe(Name=pipe)
    try:
        wait_until(lambda: pipes.describe_pipe(Name=pipe)["CurrentState"] == "STOPPED", what="the pipe to stop")
        journey = done(pipeline, inserts(30))
        wait_until(lambda: journey.way.late == 30, what="the rows to be late")

        assert counts(journey) == [(30, 30), (30, 30), (0, 30)]
        pipeline.pipes.forget()
        found = {hint for row in journey.way.named for hint in hints(row, pipeline.pipes.get().value, ())}
        assert ("The pipe cache-put is stopped.", Place.PIPES) in {(hint.text, hint.place) for hint in found}
    finally:
        pipes.start_pipe(Name=pipe)
    wait_until(lambda: journey.way.ended, 60, what="the rows to arrive at last")
    assert counts(journey) == [(30, 30)] * 3


def test_a_pipeline_that_is_closed_follows_no_more(sandbox_stack: SandboxState) -> None:
    with running_pipeline(sandbox_stack) as pipeline:
        journey = pipeline.batch_journeys.follow(inserts(1))

    assert journey.way.ended
    assert not journey.way.begun
