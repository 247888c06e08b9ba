"""A kill after any call: `up` goes on to the same end, and `down` removes everything, in both profiles.

Each call that changes something is in turn the last one of a run. Some of them are taken here;
PROVISION_KILLS=all takes every one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench.stack import running_sandbox
from provision.executor import Outcome
from provision.settings import ORIGINAL, PRODUCTION, StackSettings
from sandbox.state import SandboxState
from tests.support.provisioned import Calls, Killed, Stack, stack


@dataclass(frozen=True)
class Run:
    """Settings, and how many calls that change something an `up` from nothing makes with them, and a `down`."""

    settings: StackSettings
    up: int
    down: int
    every: int


EVERY = os.environ.get("PROVISION_KILLS") == "all"
#: Without the table's protection: who runs `down` takes it off first.
RUNS = {
    "original": Run(ORIGINAL, 14, 13, 1 if EVERY else 4),
    "production": Run(
        replace(PRODUCTION, protection=False, alarm_email="on-call@example.com"), 25, 22, 1 if EVERY else 8
    ),
}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxState]:
    folder: Path = tmp_path_factory.mktemp("kill")
    with running_sandbox(folder) as running:
        yield running.state


def killed(state: SandboxState, run: Run, what: str, last: int) -> bool:
    """Runs `up` or `down` until so many changes are made; whether it was killed before its end."""
    with stack(state, "kill", run.settings, calls=Calls(last)) as doomed:
        outcome: Outcome = doomed.up() if what == "up" else doomed.down()
    return any(isinstance(error, Killed) for error in outcome.failed.values())


def ends_well(built: Stack) -> None:
    outcome = built.up()
    assert outcome.complete, outcome.failed
    assert built.plan().empty


@pytest.mark.parametrize(
    ("profile", "last"), [(name, last) for name, run in RUNS.items() for last in range(1, run.up, run.every)]
)
def test_up_goes_on_after_a_kill(state: SandboxState, profile: str, last: int) -> None:
    run = RUNS[profile]
    with stack(state, "kill", run.settings) as built:
        was_killed = killed(state, run, "up", last)
        ends_well(built)
        assert built.down().complete
        # And from where the kill left it, everything can be removed too.
        killed(state, run, "up", last)
        removed = built.down()

        assert was_killed
        assert removed.complete, removed.failed
        assert [address for address, found in built.seen().items() if found] in (["cache"], [])


@pytest.mark.parametrize(
    ("profile", "last"), [(name, last) for name, run in RUNS.items() for last in range(1, run.down, run.every)]
)
def test_down_and_up_go_on_after_a_kill_of_down(state: SandboxState, profile: str, last: int) -> None:
    run = RUNS[profile]
    with stack(state, "kill", run.settings) as built:
        ends_well(built)
        was_killed = killed(state, run, "down", last)
        ends_well(built)
        killed(state, run, "down", last)

        assert built.down().complete
        assert was_killed
        assert [address for address, found in built.seen().items() if found] == ["cache"]


@pytest.mark.parametrize("profile", RUNS)
def test_every_call_of_a_run_is_reached(state: SandboxState, profile: str) -> None:
    """The ranges above end where a run ends: a new call would make one of them too short."""
    run = RUNS[profile]
    with stack(state, "kill", run.settings) as built:
        built.down()
        before = len(built.calls.changes)
        ends_well(built)
        up = len(built.calls.changes) - before
        built.down()

        assert up == run.up
        assert len(built.calls.changes) - before - up == run.down
