"""The ledger balances at every quiet moment, whatever went wrong before it, and shows what does not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import a_location, a_record, running_pipeline

SETTLED = ("written", "delivered", "dead_lettered", "filtered", "dropped")


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


def balanced(admin: SandboxAdmin) -> dict[str, dict[str, Any]]:
    """The balance by flow once nothing is in flight; each account is checked to add up, with nothing unaccounted."""

    def settled() -> dict[str, Any] | None:
        ledger = admin.ledger()
        return ledger if not any(row["in_flight"] for row in ledger["pipes"]) else None

    ledger = wait_until(settled, 40, "nothing in flight")
    assert ledger["balanced"] is True, ledger
    assert (ledger["unexplained"], ledger["missed"]) == (0, 0)
    rows = {names.FLOW_OF[row["name"]]: row for row in ledger["pipes"]}
    assert set(rows) == set(names.FLOWS)
    for flow, row in rows.items():
        settled_sum = sum(row[name] for name in SETTLED[1:])
        assert row["written"] == settled_sum, (flow, row)
        assert (row["difference"], row["unaccounted"], row["not_observed"]) == (0, [], "")
    return rows


def gains(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    return {flow: {name: after[flow][name] - before[flow][name] for name in SETTLED} for flow in names.FLOWS}


def traffic(pipeline: Pipeline, writes: int, seed: int) -> dict[str, int]:
    """Random puts and deletes on a few towns; how many changes of each kind they made."""
    chance = random.Random(seed)
    towns = [a_location("Ledger") for _ in range(6)]
    kinds = {"INSERT": 0, "MODIFY": 0, "REMOVE": 0, "": 0}
    for _ in range(writes):
        town = chance.choice(towns)
        if chance.random() < 0.3:
            kinds[pipeline.table.delete(town).kind] += 1
        else:
            # Few temperatures, so that records make the same request as an earlier one of their town.
            kinds[pipeline.table.put(a_record(town, MaxTemp=chance.randint(60, 62))).kind] += 1
    return kinds


def test_it_balances_over_puts_and_deletes_and_failures(pipeline: Pipeline, admin: SandboxAdmin) -> None:
    before = balanced(admin)
    admin.fail_momento(500, 40)

    kinds = traffic(pipeline, 150, seed=1)

    after = balanced(admin)
    gained = gains(before, after)
    changes = kinds["INSERT"] + kinds["MODIFY"] + kinds["REMOVE"]
    assert {gain["written"] for gain in gained.values()} == {changes}
    assert gained[names.CACHE_PUT]["filtered"] == kinds["REMOVE"]
    assert gained[names.CACHE_DELETE]["filtered"] == kinds["INSERT"] + kinds["MODIFY"]
    assert gained[names.TOPIC_PUBLISH]["filtered"] == 0
    assert sum(gain["dead_lettered"] for gain in gained.values()) == 40
    # The runtime's own counts and the observation tell the same.
    own = {names.FLOW_OF[pipe["name"]]: pipe for pipe in admin.status()["pipes"]}
    assert own[names.TOPIC_PUBLISH]["delivered"] >= gained[names.TOPIC_PUBLISH]["delivered"]


def test_it_balances_when_connections_are_reset_and_the_queue_refuses_for_a_while(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    before = balanced(admin)
    admin.add_faults(
        {"target": "momento.http *", "fail": "reset", "share": 0.1, "seed": 3},
        {"target": "momento.http *", "status": 429, "share": 0.1, "seed": 5},
        {"target": "sqs SendMessage", "status": 403, "count": 6},
    )

    traffic(pipeline, 60, seed=2)

    wait_until(lambda: not any(row["in_flight"] for row in admin.ledger()["pipes"]), 40, "the end of it")
    admin.clear_faults()
    gained = gains(before, balanced(admin))
    assert sum(gain["dead_lettered"] for gain in gained.values()) > 0


def test_records_wait_in_flight_while_momento_is_stopped_and_arrive_when_it_is_back(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    before = balanced(admin)
    admin.stop_momento()

    for _ in range(5):
        pipeline.table.put(a_record(a_location()))

    def in_flight() -> dict[str, int]:
        return {names.FLOW_OF[row["name"]]: row["in_flight"] for row in admin.ledger()["pipes"]}

    held = {names.CACHE_PUT: 5, names.TOPIC_PUBLISH: 5, names.CACHE_DELETE: 0}
    wait_until(lambda: in_flight() == held, what=f"{held} in flight")
    assert admin.ledger()["balanced"] is True
    admin.start_momento()
    gained = gains(before, balanced(admin))
    assert gained[names.CACHE_PUT]["delivered"] == gained[names.TOPIC_PUBLISH]["delivered"] == 5


def test_it_balances_over_a_pipe_that_is_stopped_and_started_under_way(
    pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    before = balanced(admin)
    pipes, name = aws.client("pipes"), names.pipe(names.TOPIC_PUBLISH)
    admin.add_faults({"target": "momento.http POST /topics", "delay_ms": 30})
    for number in range(20):
        pipeline.table.put(a_record(a_location(), MaxTemp=60 + number))

    pipes.stop_pipe(Name=name)
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED", what="the pipe to stop")
    rows = {names.FLOW_OF[row["name"]]: row for row in admin.ledger()["pipes"]}
    assert rows[names.TOPIC_PUBLISH]["in_flight"] > 0
    pipes.start_pipe(Name=name)

    gained = gains(before, balanced(admin))
    assert gained[names.TOPIC_PUBLISH]["delivered"] == 20
    assert gained[names.CACHE_PUT]["delivered"] == 20
