"""A kill after any call: `up` goes on to the same end, and `down` removes everything.

Each call that changes something is in turn the last one of a run. Some of them are taken here;
PROVISION_KILLS=all takes every one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.stack import running_sandbox
from provision.executor import Outcome
from sandbox.state import SandboxState
from tests.sandbox.provisioned import Calls, Killed, Stack, stack

#: How many calls that change something an `up` from nothing makes, and a `down`.
UP, DOWN = 14, 13
EVERY = 1 if os.environ.get("PROVISION_KILLS") == "all" else 4


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxState]:
    folder: Path = tmp_path_factory.mktemp("kill")
    with running_sandbox(folder) as running:
        yield running.state


def killed(state: SandboxState, what: str, last: int) -> bool:
    """Runs `up` or `down` until so many changes are made; whether it was killed before its end."""
    with stack(state, "kill", calls=Calls(last)) as doomed:
        outcome: Outcome = doomed.up() if what == "up" else doomed.down()
    return any(isinstance(error, Killed) for error in outcome.failed.values())


def ends_well(built: Stack) -> None:
    outcome = built.up()
    assert outcome.complete, outcome.failed
    assert built.plan().empty


@pytest.mark.parametrize("last", range(1, UP, EVERY))
def test_up_goes_on_after_a_kill(state: SandboxState, last: int) -> None:
    with stack(state, "kill") as built:
        was_killed = killed(state, "up", last)
        ends_well(built)
        assert built.down().complete
        # And from where the kill left it, everything can be removed too.
        killed(state, "up", last)
        removed = built.down()

        assert was_killed
        assert removed.complete, removed.failed
        assert [address for address, found in built.seen().items() if found] in (["cache"], [])


@pytest.mark.parametrize("last", range(1, DOWN, EVERY))
def test_down_and_up_go_on_after_a_kill_of_down(state: SandboxState, last: int) -> None:
    with stack(state, "kill") as built:
        ends_well(built)
        was_killed = killed(state, "down", last)
        ends_well(built)
        killed(state, "down", last)

        assert built.down().complete
        assert was_killed
        assert [address for address, found in built.seen().items() if found] == ["cache"]


def test_every_call_of_a_run_is_reached(state: SandboxState) -> None:
    """The ranges above end where a run ends: a new call would make one of them too short."""
    with stack(state, "kill") as built:
        built.down()
        before = len(built.calls.changes)
        ends_well(built)
        up = len(built.calls.changes) - before
        built.down()

        assert up == UP
        assert len(built.calls.changes) - before - up == DOWN
