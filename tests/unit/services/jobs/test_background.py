"""Loops that survive whatever a step raises, and tell how they do."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from core.errors import NotFound, ServiceFailed, Throttled, Unreachable
from services.jobs.background import LONGEST_S, SOON_S, Loop, LoopState, Pulse, pause_s
from tests.conftest import wait_until


def failing(error: Exception) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


@pytest.mark.parametrize(
    "error", [KeyError("Items"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), Unreachable("Away.")]
)
def test_a_loop_goes_on_after_whatever_its_step_raises_and_says_so_meanwhile(error: Exception) -> None:
    left: list[Exception] = [error, error]
    good: list[None] = []

    def step() -> None:
        if left:
            raise left.pop()
        good.append(None)

    loop = Loop("stream watch", step, 0.01)
    loop.start()
    wait_until(lambda: len(good) > 1, what="steps that succeed")
    loop.close()

    assert loop.ended
    assert loop.state.problem == ""
    assert loop.state.good_at is not None


def test_while_it_fails_its_problem_and_the_last_good_run_are_known() -> None:
    pulse = Pulse("stream watch", 2.0)
    assert pulse.beat(lambda: None) is None
    good_at = pulse.state.good_at

    error = pulse.beat(failing(KeyError("the-secret")))

    assert isinstance(error, ServiceFailed)
    assert pulse.state.good_at == good_at
    assert "KeyError" in pulse.state.problem
    assert "the-secret" not in pulse.state.problem


def test_each_kind_is_logged_once_until_it_is_over_and_never_quoted(caplog: pytest.LogCaptureFixture) -> None:
    pulse = Pulse("stream watch", 2.0)
    with caplog.at_level(logging.ERROR):
        for error in (KeyError("the-secret"), KeyError("the-secret"), ValueError("the-secret"), KeyError("the-secret")):
            pulse.beat(failing(error))
        assert len(caplog.records) == 2
        pulse.beat(lambda: None)
        pulse.beat(failing(KeyError("the-secret")))

    assert len(caplog.records) == 3
    assert "the-secret" not in caplog.text


def test_a_loop_whose_last_good_run_is_long_ago_is_late() -> None:
    fresh = LoopState("stream watch", 2.0, began_at=0.0, good_at=100.0)

    assert fresh.late_s(105.0) is None
    assert fresh.late_s(112.0) == 12.0
    assert LoopState("stream watch", 2.0, began_at=0.0).late_s(12.0) == 12.0


def test_the_pause_grows_to_a_cap_that_depends_on_what_is_wrong() -> None:
    throttled, away = Throttled("Too many calls."), NotFound("Gone.")

    assert [pause_s(2.0, failures, throttled) for failures in range(1, 8)] == [
        4,
        8,
        16,
        32,
        LONGEST_S,
        LONGEST_S,
        LONGEST_S,
    ]
    assert [pause_s(2.0, failures, away) for failures in range(1, 4)] == [4, SOON_S, SOON_S]
    assert pause_s(10.0, 5, away) == 10
