"""The services' Pipeline on a running sandbox, and what tests of the whole pipeline ask of it again and again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core import momento_keys, names
from core.config import AwsAccess
from core.errors import DashboardError
from sandbox.state import SandboxState
from services.app.notices import Notice, Readings, notices
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.logs import executions
from services.logs.executions import PipeTally
from services.pipes.verdicts import Verdict
from services.topic.subscription_state import FeedState
from services.tracking.propagation import Propagation
from services.tracking.writes import Journey
from services.weather.changes import Change
from services.weather.table import WeatherRecord, check
from tests.conftest import AwsClients, wait_until


def aws_access(state: SandboxState, region: str = "") -> AwsAccess:
    """How the dashboard reaches the sandbox's AWS."""
    return AwsAccess(
        region=region or state.region,
        access_key_id=state.aws_access_key_id,
        secret_access_key=state.aws_secret_access_key,
        endpoint_url=state.aws_endpoint,
    )


def momento_address(state: SandboxState) -> momento_keys.MomentoAddress:
    """How the dashboard reaches the sandbox's Momento."""
    return momento_keys.for_sandbox(
        state.momento_host, state.momento_port, state.momento_http_endpoint, state.momento_api_key
    )


@contextmanager
def running_pipeline(state: SandboxState) -> Iterator[Pipeline]:
    """The pipeline's services, connected, with a subscription that is live."""
    pipeline = Pipeline(aws_access(state), momento_address(state))
    try:
        wait_until(lambda: pipeline.feed.status().state is FeedState.LIVE, what="the subscription")
        yield pipeline
    finally:
        pipeline.close()


def put_and_follow(pipeline: Pipeline, record: WeatherRecord) -> Propagation:
    """Writes a record over whatever is there, and what is known when it has arrived, or 5 s after it was sent."""
    there = next(iter(pipeline.record_pages.exact(record.location).items), None)
    done = pipeline.change(Change(record.location, there, record))
    assert isinstance(done, Journey)
    return _followed(done)


def delete_and_follow(pipeline: Pipeline, location: str) -> Propagation:
    """Deletes a record, and what is known when it is gone everywhere, or 5 s after the delete was sent."""
    return _followed(pipeline.delete(location))


def _followed(journey: Journey) -> Propagation:
    wait_until(lambda: journey.way.complete or journey.way.waited_s > 5, what="the write to arrive")
    return journey.way


def a_location(word: str = "Town") -> str:
    """A location that no other test uses."""
    return f"{word} {uuid.uuid4().hex[:8]}"


def a_record(location: str, **changes: Any) -> WeatherRecord:
    """An allowed record of a location."""
    fields = {"Location": location, "MaxTemp": 70, "MinTemp": 50, "ChancesOfPrecipitation": 20, "TTL": 600}
    record, problems = check(fields | changes)
    assert record is not None, problems
    return record


def verdicts(pipeline: Pipeline) -> dict[str, Verdict]:
    """The verdict on each pipe by flow, by what is read now."""
    for shared in (pipeline.pipes, pipeline.log, pipeline.health):
        shared.forget()
    return {pipe.flow: pipe.finding.verdict for pipe in pipeline.health.get().value.pipes}


def tallies(pipeline: Pipeline, since_ms: int) -> dict[str, PipeTally]:
    """Per pipe, what its log tells of executions since a moment, read anew."""
    pipeline.log.forget()
    return executions.tally(pipeline.log.get().value.executions, since_ms)


def noticed(pipeline: Pipeline) -> list[Notice]:
    """What needs attention now beside the pipes, read anew."""
    pipeline.depth.forget()
    pipeline.cache_latency_ms.forget()
    errors: list[DashboardError] = []
    try:
        pipeline.cache_latency_ms.get()
    except DashboardError as error:
        errors.append(error)
    return notices(Readings(pipeline.depth.get().value, pipeline.feed.status(), tuple(errors)))


def now_ms() -> int:
    """The time, as log records have it."""
    return int(time.time() * 1000)


def counts(admin: SandboxAdmin) -> dict[str, dict[str, Any]]:
    """What the sandbox says of each pipe, by flow."""
    return {names.FLOW_OF[pipe["name"]]: pipe for pipe in admin.status()["pipes"]}


def quiet(admin: SandboxAdmin, reads: dict[str, int]) -> dict[str, dict[str, Any]]:
    """The pipes' counts once each has read so many records in all and is done with them; all pipes if none is named."""

    def settled() -> dict[str, dict[str, Any]] | None:
        found = counts(admin)
        wanted = reads or dict.fromkeys(found, 0)
        done = all(found[flow]["read"] >= number and not found[flow]["in_flight"] for flow, number in wanted.items())
        return found if done else None

    found: dict[str, dict[str, Any]] = wait_until(settled, 40, "the pipes to be done")
    return found


def drain_queue(aws: AwsClients) -> list[str]:
    """Takes every message out of the dead-letter queue, and gives their bodies."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    bodies: list[str] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
