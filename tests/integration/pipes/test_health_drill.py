"""The fault drill of docs/drill.md: each fault's verdict within ten seconds, and the return when the fault has ended.

Traffic goes on all the time, and the services are asked as the pages ask them. DRILL_BURST is the number of writes in
the burst; the suite's is small and its target slow, which comes to the same.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from bench.stack import running_sandbox
from core import names
from core.names import CACHE, CACHE_DELETE, CACHE_PUT, FLOWS, TABLE, TOPIC_PUBLISH
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.pipes.health import Doctor, PipeHealth
from services.pipes.verdicts import Finding, Verdict
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import running_pipeline
from tests.support.wire import item, momento

BURST = int(os.environ.get("DRILL_BURST", "250"))
#: Seconds within which a fault must have its verdict.
NOTICED_S = 10.0
#: Seconds within which the pipes must be well again: a failure counts for ten seconds, pauses have to end, and what
#: waited has to be worked off.
WELL_AGAIN_S = 40.0 + BURST / 100
WELL = frozenset({Verdict.OK, Verdict.IDLE})


@dataclass(frozen=True)
class Drill:
    """Faults on the wires of some pipes. `verdict` and `says` (a part of the rule, or of its detail) are expected."""

    name: str
    flows: tuple[str, ...]
    verdict: Verdict
    says: str
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]


class Stage:
    """The stack that is drilled, and all that can be done to it."""

    def __init__(self, state: SandboxState, pipeline: Pipeline, aws: AwsClients) -> None:
        self.state = state
        self.pipeline = pipeline
        self.aws = aws
        self.admin = SandboxAdmin(state.admin_url, state.admin_token)

    def fault(self, target: str, **effect: object) -> None:
        """One fault more."""
        self.admin.add_faults({"target": target, **effect})

    def health(self, flow: str) -> PipeHealth:
        """What the pages would show of a pipe."""
        return next(pipe for pipe in self.pipeline.health.get().value.pipes if pipe.flow == flow)


def on(target: str, **effect: object) -> Callable[[Stage], None]:
    """Begins one fault."""
    return lambda stage: stage.fault(target, **effect)


def clear(stage: Stage) -> None:
    """Ends all faults of the schedule."""
    stage.admin.clear_faults()


def forbid_dead_letters(stage: Stage) -> None:
    """The role may not send to the queue any more, while the target fails."""
    denied = {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    stage.aws.client("iam").put_role_policy(RoleName=names.ROLE, PolicyName="drill", PolicyDocument=policy)
    stage.fault("momento.http PUT /cache", status=500)


def allow_dead_letters(stage: Stage) -> None:
    """And may again."""
    clear(stage)
    stage.aws.client("iam").delete_role_policy(RoleName=names.ROLE, PolicyName="drill")


def delete_cache(stage: Stage) -> None:
    """Somebody deletes the cache, and with it the topic's place."""
    with momento(stage.state) as client:
        client.delete_cache(CACHE)


def create_cache(stage: Stage) -> None:
    """And makes it anew."""
    with momento(stage.state) as client:
        client.create_cache(CACHE)


def burst(stage: Stage) -> None:
    """Many writes at once. A small burst is made long by a target that takes its time."""
    if BURST < 2000:
        stage.fault("momento.http PUT /cache", delay_ms=60)
    dynamodb = stage.aws.client("dynamodb")
    for start in range(0, BURST, 25):
        writes = [{"PutRequest": {"Item": item(f"Burst {number}")}} for number in range(start, min(start + 25, BURST))]
        dynamodb.batch_write_item(RequestItems={TABLE: writes})


#: What is drilled. Those of one group are on at the same time, each on pipes of its own.
GROUPS: dict[str, tuple[Drill, ...]] = {
    "answers": (
        Drill(
            "The target answers 500",
            (CACHE_PUT,),
            Verdict.FAILING,
            "500",
            on("momento.http PUT /cache", status=500),
            clear,
        ),
        Drill(
            "The target answers 429",
            (TOPIC_PUBLISH,),
            Verdict.FAILING,
            "429",
            on("momento.http POST /topics", status=429),
            clear,
        ),
        Drill(
            "The target times out",
            (CACHE_DELETE,),
            Verdict.FAILING,
            "Timeout",
            on("momento.http DELETE /cache", fail="timeout"),
            clear,
        ),
    ),
    "refused connections": (
        Drill(
            "The target refuses connections",
            FLOWS,
            Verdict.STALLED,
            "cannot be reached",
            lambda stage: stage.admin.stop_momento(),
            lambda stage: stage.admin.start_momento(),
        ),
    ),
    "revoked key": (
        Drill(
            "The key is revoked",
            FLOWS,
            Verdict.FAILING,
            "401",
            lambda stage: stage.admin.use_wrong_key(),
            lambda stage: stage.admin.use_right_key(),
        ),
    ),
    "stopped, and refused dead letters": (
        Drill(
            "The pipe is stopped",
            (CACHE_DELETE,),
            Verdict.STOPPED,
            "It is stopp",
            lambda stage: stage.pipeline.stop_pipe(CACHE_DELETE),
            lambda stage: stage.pipeline.start_pipe(CACHE_DELETE),
        ),
        Drill(
            "The role loses SendMessage, while the target answers 500",
            (CACHE_PUT,),
            Verdict.BROKEN,
            "is not authorized to perform: sqs:sendmessage",
            forbid_dead_letters,
            allow_dead_letters,
        ),
    ),
    "deleted cache": (
        Drill(
            "Momento's cache is deleted", (CACHE_PUT, TOPIC_PUBLISH), Verdict.FAILING, "404", delete_cache, create_cache
        ),
    ),
    "burst": (Drill("A burst of writes", (CACHE_PUT,), Verdict.LAGGING, "", burst, clear),),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, no_real_account: None) -> Iterator[Stage]:
    """A stack of its own with traffic on it, all pipes well."""
    with running_sandbox(tmp_path_factory.mktemp("drill")) as running:
        aws = AwsClients(running.state)
        with running_pipeline(running.state) as pipeline:
            stage = Stage(running.state, pipeline, aws)
            wait_until(lambda: pipeline.watch_status().since, what="the stream watch")
            stage.admin.start_traffic("cities", 8, 20_000, 30)
            wait_until(lambda: pipeline.health.get().value.verdict is Verdict.OK, 30, "all pipes to be OK")
            yield stage
            stage.admin.stop_traffic()
        aws.close()


@contextmanager
def faults(stage: Stage, drills: tuple[Drill, ...]) -> Iterator[None]:
    """The faults are on inside, and off afterwards whatever happens: the last first, for a pipe starts only when its
    role has its rights back."""
    for drill in drills:
        drill.begin(stage)
    try:
        yield
    finally:
        for drill in reversed(drills):
            drill.end(stage)


def as_expected(stage: Stage, drill: Drill) -> list[Finding] | None:
    """The findings of a drill's pipes once all are what is expected."""
    found = [stage.health(flow).finding for flow in drill.flows]
    fits = all(one.verdict is drill.verdict and drill.says in f"{one.rule} {one.detail}" for one in found)
    return found if fits else None


@pytest.mark.parametrize("group", GROUPS)
def test_a_fault_has_its_verdict_and_is_over_when_it_is_over(
    stage: Stage, group: str, record_property: Callable[[str, object], None]
) -> None:
    drills = GROUPS[group]
    began = time.monotonic()
    with faults(stage, drills):
        for drill in drills:
            left = NOTICED_S - (time.monotonic() - began)
            found = wait_until(
                lambda drill=drill: as_expected(stage, drill), max(left, 0.1), f"{drill.name}: {drill.verdict}"
            )
            record_property(drill.name, f"{time.monotonic() - began:.1f} s: {found[0].rule} {found[0].detail}")
    began = time.monotonic()
    wait_until(
        lambda: all(stage.health(flow).finding.verdict in WELL for flow in FLOWS), WELL_AGAIN_S, "all pipes to be well"
    )
    record_property("well again", f"{time.monotonic() - began:.1f} s")


def test_an_hour_without_anything_to_do_is_idle_and_not_an_alarm(stage: Stage) -> None:
    stage.admin.stop_traffic()
    wait_until(
        lambda: all(not stage.health(flow).evidence.waiting for flow in FLOWS), what="the pipes to be done with it all"
    )
    pipeline = stage.pipeline
    later = Doctor(pipeline.book, pipeline.pipes, pipeline.log, pipeline.watch_status, clock=lambda: time.time() + 3600)

    # The log says of the last executions a moment later than the stream that they are over.
    wait_until(
        lambda: [pipe.finding.verdict for pipe in later.examine().pipes] == [Verdict.IDLE] * len(FLOWS),
        what="each pipe to be idle",
    )


def test_after_all_of_it_the_ledger_is_that_of_somebody_who_saw_everything(stage: Stage) -> None:
    """What the log and the stream told is what the sandbox saw from outside of its pipes, for every write."""
    stage.admin.stop_traffic()
    wait_until(
        lambda: stage.admin.ledger()["balanced"] and not any(row["in_flight"] for row in stage.admin.ledger()["pipes"]),
        what="the pipes to be done with it all",
    )
    seen = {
        pipe["name"]: (pipe["written"], pipe["delivered"], pipe["dead_lettered"], pipe["filtered"])
        for pipe in stage.admin.ledger()["pipes"]
    }

    def told() -> dict[str, tuple[int, ...]]:
        rows = {names.pipe(pipe.flow): pipe.ledgers[900] for pipe in stage.pipeline.health.get().value.pipes}
        return {name: (row.written, row.delivered, row.given_up, row.filtered) for name, row in rows.items()}

    # The stream is looked at every two seconds.
    with suppress(AssertionError):
        wait_until(lambda: told() == seen, 60, what="the ledger to be that")
    assert told() == seen
    assert all(pipe.ledgers[900].difference == 0 for pipe in stage.pipeline.health.get().value.pipes)
    assert all(sum(counts) > 0 for counts in seen.values())
