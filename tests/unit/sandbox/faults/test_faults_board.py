"""The fault board: which fault hits a call, how often, and what it remembers."""

from __future__ import annotations

from typing import Any

from sandbox.faults.board import ENDED_LENGTH, LOG_LENGTH, FaultBoard
from sandbox.faults.fault import fault_of
from sandbox.faults.targets import Wire


def board_with(*faults: dict[str, Any]) -> FaultBoard:
    board = FaultBoard()
    for fault in faults:
        board.add(fault_of(fault))
    return board


def put(board: FaultBoard) -> int | None:
    """The status with which a put to the cache is answered; None when no fault hits it."""
    fault = board.hit(Wire.HTTP, "PUT /cache")
    return fault.status if fault else None


def test_a_fault_hits_its_target_until_it_is_used_up() -> None:
    board = board_with({"target": "momento.http PUT /cache", "status": 503, "count": 2})

    assert board.hit(Wire.HTTP, "DELETE /cache") is None
    assert board.hit(Wire.GRPC, "PUT /cache") is None
    assert put(board) == 503
    assert [(armed.remaining, armed.fired) for armed in board.on()] == [(1, 1)]
    assert [put(board), put(board)] == [503, None]

    assert board.on() == ()
    assert [(armed.remaining, armed.fired) for armed in board.ended()] == [(0, 2)]


def test_a_star_hits_every_operation_of_its_wire_for_as_long_as_it_is_on() -> None:
    board = board_with({"target": "sqs *", "status": 403})

    assert all(board.hit(Wire.SQS, operation) for operation in ("SendMessage", "GetQueueUrl") * 10)
    assert board.hit(Wire.LOGS, "PutLogEvents") is None
    board.clear()
    assert board.hit(Wire.SQS, "SendMessage") is None


def test_the_first_fault_that_matches_is_the_one_that_hits() -> None:
    board = board_with(
        {"target": "momento.http PUT /cache", "status": 429, "count": 1}, {"target": "momento.http *", "status": 500}
    )

    assert [put(board), put(board)] == [429, 500]


def test_a_share_hits_about_that_part_and_the_same_calls_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        board = board_with({"target": "momento.http *", "status": 429, "share": 0.1, "seed": seed})
        return [put(board) == 429 for _ in range(2000)]

    assert 140 < sum(hits(1)) < 260
    assert hits(1) == hits(1)
    assert hits(1) != hits(2)


def test_a_share_with_a_count_ends_after_so_many_hits_and_lets_others_have_the_rest() -> None:
    board = board_with(
        {"target": "momento.http *", "status": 429, "share": 0.5, "count": 3},
        {"target": "momento.http *", "status": 500},
    )

    statuses = [put(board) for _ in range(40)]

    assert statuses.count(429) == 3
    assert statuses.count(500) == 37
    assert [armed.fault.status for armed in board.on()] == [500]


def test_one_fault_is_ended_by_its_id_and_only_once() -> None:
    board = FaultBoard()
    first, second = (board.add(fault_of({"target": "momento.http *", "status": status})) for status in (500, 503))

    assert board.end(first) is True
    assert board.end(first) is False
    assert put(board) == 503
    assert [armed.id for armed in board.on()] == [second]


def test_the_log_tells_what_was_done_and_is_bounded() -> None:
    board = board_with(
        {"target": "momento.http *", "delay_ms": 20, "count": 1}, {"target": "momento.http *", "status": 500}
    )
    for _ in range(LOG_LENGTH + 1):
        put(board)
    assert len(board.fired()) == LOG_LENGTH
    assert {fired.what for fired in board.fired()} == {"answered 500"}

    board.clear()
    fault_id = board.add(fault_of({"target": "momento.grpc Get", "code": "UNAVAILABLE", "delay_ms": 5}))
    board.hit(Wire.GRPC, "Get")

    last = board.fired()[-1]
    assert (last.id, last.target, last.what) == (fault_id, "momento.grpc Get", "delayed 5 ms, answered UNAVAILABLE")


def test_the_faults_that_are_over_are_bounded() -> None:
    board = FaultBoard()
    for _ in range(ENDED_LENGTH + 5):
        board.end(board.add(fault_of({"target": "oauth token", "status": 500})))

    assert len(board.ended()) == ENDED_LENGTH
