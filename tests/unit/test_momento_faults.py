"""The fault board: which fault hits a request, how often, and what it remembers."""

from __future__ import annotations

import pytest

from sandbox.momento.faults import LOG_LENGTH, ArmedFault, Fault, FaultBoard


def test_a_fault_hits_its_route_until_it_is_used_up() -> None:
    board = FaultBoard()
    fault = Fault("PUT /cache", status=503, count=2)
    board.add(fault)
    assert board.hit("DELETE /cache") is None
    assert board.hit("PUT /cache") == fault
    assert board.list() == (ArmedFault(fault, 1),)
    assert board.hit("PUT /cache") == fault
    assert board.hit("PUT /cache") is None
    assert board.list() == ()


def test_a_star_hits_every_route_for_as_long_as_it_is_on() -> None:
    board = FaultBoard()
    board.add(Fault("*"))
    assert all(board.hit(route) for route in ("PUT /cache", "POST /topics", "GET /cache") * 10)
    board.clear()
    assert board.hit("PUT /cache") is None


def test_the_first_fault_that_matches_is_the_one_that_hits() -> None:
    board = FaultBoard()
    board.add(Fault("POST /topics", status=429, count=1))
    board.add(Fault("*", status=500))
    statuses = [fault.status for fault in (board.hit("POST /topics"), board.hit("POST /topics")) if fault]
    assert statuses == [429, 500]


def test_the_log_tells_what_was_done_and_is_bounded() -> None:
    board = FaultBoard()
    board.add(Fault("*", status=None, delay_ms=20, count=1))
    board.add(Fault("*", status=500))
    for _ in range(LOG_LENGTH + 1):
        board.hit("PUT /cache")
    assert len(board.fired()) == LOG_LENGTH
    board.add(Fault("*"))
    board.clear()
    assert {fired.what for fired in board.fired()} == {"answered 500"}
    board.add(Fault("GET /cache", status=None, delay_ms=20))
    board.hit("GET /cache")
    assert (board.fired()[-1].route, board.fired()[-1].what) == ("GET /cache", "delayed 20 ms")


@pytest.mark.parametrize(
    ("route", "status", "count", "delay_ms"),
    [("PATCH /cache", 500, None, 0), ("*", 99, None, 0), ("*", 600, None, 0), ("*", 500, 0, 0), ("*", 500, None, -1)],
)
def test_a_fault_that_could_never_fire_is_refused(route: str, status: int, count: int | None, delay_ms: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Fault(route, status, count, delay_ms)


@pytest.mark.parametrize("wrong", [{"count": 1.5}, {"status": 500.0}, {"count": True}, {"delay_ms": "10"}])
def test_a_fault_takes_whole_numbers_only(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Fault("*", **wrong)  # type: ignore[arg-type]
