"""The named faults: each is one that the sandbox takes, and what is told of its counts."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.faults.board import FaultBoard
from sandbox.faults.fault import fault_of
from sandbox.faults.targets import Wire
from services.app.fault_switches import SWITCHES, Switch, SwitchState, others, state_of


def told_by(board: FaultBoard) -> dict[str, Any]:
    """What the admin port tells of a board."""
    return {
        "on": [armed.as_json() for armed in board.on()],
        "ended": [armed.as_json() for armed in board.ended()],
    }


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_every_switch_is_a_fault_of_the_sandbox_under_its_own_name(switch: Switch) -> None:
    board = FaultBoard()
    fault_id = board.add(fault_of(switch.order()))

    faults = told_by(board)

    assert state_of(switch, faults).id == fault_id
    assert others(faults) == []
    assert [other.name for other in SWITCHES if state_of(other, faults).on] == [switch.name]


def test_a_switch_counts_while_it_is_on_and_remembers_its_last_run() -> None:
    board, switch = FaultBoard(), SWITCHES[0]
    assert state_of(switch, told_by(board)) == SwitchState()
    board.add(fault_of(switch.order()))

    for _ in range(3):
        board.hit(Wire.HTTP, "PUT /cache")
    assert state_of(switch, told_by(board)).told() == "fired 3 times, 17 to come"

    board.clear()
    assert state_of(switch, told_by(board)).told() == "fired 3 times"

    board.add(fault_of(switch.order()))
    assert state_of(switch, told_by(board)).told() == "fired 0 times, 20 to come"


def test_a_fault_that_no_switch_made_is_among_the_others() -> None:
    board = FaultBoard()
    board.add(fault_of({"target": "sqs *", "status": 500, "name": "mine"}))

    assert [fault["name"] for fault in others(told_by(board))] == ["mine"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SwitchState(), ""),
        (SwitchState(None, 1), "fired once"),
        (SwitchState(4, 2, None), "fired 2 times"),
        (SwitchState(4, 1, 1), "fired once, 1 to come"),
    ],
)
def test_the_counts_are_told_in_words(state: SwitchState, words: str) -> None:
    assert state.told() == words
