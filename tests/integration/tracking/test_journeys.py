"""Writes that are followed over the real wire: each finds its own stream record, its pipes, its event and its item."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.tracking.hints import Place, hints
from services.tracking.propagation import leg_of, steps
from services.tracking.writes import FOLLOWED, Journey
from services.weather.changes import Change, Conflict
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import a_location, a_record, running_pipeline


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as running:
        yield running


def made(pipeline: Pipeline, change: Change) -> Journey:
    done = pipeline.change(change)
    assert not isinstance(done, Conflict)
    return done


def settled(journey: Journey) -> None:
    wait_until(lambda: journey.way.ended, what="the way of the write to be known")
    assert journey.way.settled, journey.way


def test_a_change_is_acknowledged_at_once_and_every_step_comes(pipeline: Pipeline) -> None:
    town = a_location()

    journey = made(pipeline, Change(town, None, a_record(town)))
    assert journey.way.write.kind == "INSERT"
    settled(journey)

    taken = steps(journey.way)
    assert all(step.ms is not None for step in taken)
    began, called, ended = (step.ms for step in taken if step.flow == names.CACHE_PUT)
    assert began <= called <= ended
    assert pipeline.journeys.typical()["cache"].count >= 1


def test_the_same_values_again_and_again_are_told_apart_by_their_records(pipeline: Pipeline) -> None:
    town = a_location()
    record = a_record(town)
    journeys = []
    for _ in range(3):
        journeys.append(made(pipeline, Change(town, None, record)))
        settled(journeys[-1])
        journeys.append(pipeline.delete(town))
        settled(journeys[-1])

    numbers = [{one.sequence_number for one in journey.way.legs} for journey in journeys]

    assert [len(found) for found in numbers] == [1] * 6
    assert len(set.union(*numbers)) == 6
    assert leg_of(journeys[1].way, names.CACHE_DELETE) is not None


def test_a_stopped_pipe_is_what_to_look_at(pipeline: Pipeline, aws: AwsClients) -> None:
    pipes = aws.client("pipes")
    pipe = names.pipe(names.CACHE_PUT)
    pipes.stop_pipe(Name=pipe)
    try:
        wait_until(lambda: pipes.describe_pipe(Name=pipe)["CurrentState"] == "STOPPED", what="the pipe to stop")
        town = a_location()
        journey = made(pipeline, Change(town, None, a_record(town)))
        wait_until(lambda: journey.way.late, what="the write to be late")

        (hint,) = hints(journey.way, pipeline.pipes.get().value, ())
        assert (hint.text, hint.place) == ("The pipe cache-put is stopped.", Place.PIPES)
        assert journey.way.topic_ms is not None
        assert not journey.way.complete
    finally:
        pipes.start_pipe(Name=pipe)
    # The page goes on looking: the pipe takes up where it was.
    settled(journey)


def test_no_more_writes_are_followed_than_may_be(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    pipes = aws.client("pipes")
    pipe = names.pipe(names.CACHE_PUT)
    pipes.stop_pipe(Name=pipe)
    try:
        wait_until(lambda: pipes.describe_pipe(Name=pipe)["CurrentState"] == "STOPPED", what="the pipe to stop")
        with running_pipeline(sandbox_stack) as pipeline:
            towns = [a_location() for _ in range(FOLLOWED + 2)]
            journeys = [made(pipeline, Change(town, None, a_record(town))) for town in towns]

            wait_until(lambda: [journey.way.ended for journey in journeys[:2]] == [True, True], what="two to give way")
            assert not any(journey.way.ended for journey in journeys[2:])
        assert all(journey.way.ended for journey in journeys), "closed with the pipeline"
    finally:
        pipes.start_pipe(Name=pipe)
