"""Which failed execution is the cause of a dead letter, and how letters are grouped and chosen by it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.dead_letters.export import COLUMNS, to_csv, to_json_lines
from services.dead_letters.failure_cause import NEAR_MS, Cause, Join, causes, failed_at_ms, stage_of
from services.dead_letters.groups import TREND_POINTS, Choice, groups
from services.dead_letters.message import DeadLetter
from services.dead_letters.repair_status import Case, KeyState, Standing
from services.logs.executions import Execution, Outcome

SENT = datetime(2026, 11, 21, 21, 33, 34, tzinfo=UTC)
NUMBER = "1234567800000000001234567899"
LETTER = DeadLetter(
    message_id="m-1",
    body="{}",
    sent_at=SENT,
    receive_count=1,
    pipe="put-pipe",
    condition="RetryAttemptsExhausted",
    failed_at="2026-11-21T21:33:33.333Z",
    batch_size=1,
    shard_id="shard",
    first_sequence_number=NUMBER,
    last_sequence_number=NUMBER,
    stream_arn="arn",
)
FAILED = Execution(
    "e-1",
    "put-pipe",
    failed_at_ms(LETTER) - 40,
    failed_at_ms(LETTER) - 10,
    Outcome.FAILED,
    error="The endpoint answered with status 500. Request 66666666-2222-3333-4444-555555555555",
    status=500,
    sequence_number=NUMBER,
)
UNNAMED = replace(FAILED, execution_id="e-2", sequence_number="")


def test_the_execution_of_the_sequence_number_is_the_cause() -> None:
    found = causes(
        [LETTER], {("put-pipe", NUMBER): FAILED}, {"put-pipe": [UNNAMED]}, {"e-1": ["TargetInvocationFailed"]}
    )

    assert found["m-1"] == Cause(Join.BY_NUMBER, "e-1", "target call", 500, FAILED.error)


@pytest.mark.parametrize(
    ("executions", "join"),
    [
        ([UNNAMED], Join.BY_TIME),
        ([replace(UNNAMED, last_ms=UNNAMED.last_ms - NEAR_MS - 1000)], Join.NOT_FOUND),
        # One that names its record is the cause of that record's letter.
        ([FAILED], Join.NOT_FOUND),
        ([], Join.NOT_FOUND),
    ],
)
def test_without_a_number_in_the_log_the_nearest_in_time_is_probably_the_cause(
    executions: list[Execution], join: Join
) -> None:
    found = causes([LETTER], {}, {"put-pipe": executions}, {})["m-1"]

    assert found.join is join
    assert found.words.startswith({Join.BY_TIME: "probably HTTP 500", Join.NOT_FOUND: "no log found"}[join])


def test_of_two_near_ones_the_nearer_is_taken_and_another_pipes_never() -> None:
    further = replace(UNNAMED, execution_id="e-3", last_ms=UNNAMED.last_ms - 500)

    found = causes([LETTER, replace(LETTER, message_id="m-2", pipe="other")], {}, {"put-pipe": [further, UNNAMED]}, {})

    assert found["m-1"].execution_id == "e-2"
    assert found["m-2"].join is Join.NOT_FOUND


def test_while_the_log_is_read_back_a_missing_cause_is_not_called_missing() -> None:
    found = causes([LETTER], {}, {}, {}, read_back_to_ms=failed_at_ms(LETTER) + 1)["m-1"]

    assert (found.join, found.kind) == (Join.NOT_READ, "the log of its time is still being read")


def test_an_execution_that_succeeded_is_no_cause() -> None:
    delivered = replace(FAILED, outcome=Outcome.SUCCEEDED)

    assert causes([LETTER], {("put-pipe", NUMBER): delivered}, {}, {})["m-1"].join is Join.NOT_FOUND


@pytest.mark.parametrize(
    ("types", "stage"),
    [
        (["ExecutionFailed", "TargetStageFailed", "TargetInvocationFailed"], "target call"),
        (["ExecutionFailed", "TargetTransformationFailed"], "target transformation"),
        (["ExecutionTimeout"], "execution, timed out"),
        (["ExecutionStarted"], ""),
    ],
)
def test_the_stage_is_the_most_telling_failure(types: list[str], stage: str) -> None:
    assert stage_of(types) == stage


def case(number: int, error: str = "timed out after 5000 ms", standing: Standing = Standing.REPAIRABLE) -> Case:
    letter = replace(
        LETTER,
        message_id=f"m-{number}",
        sent_at=SENT + timedelta(minutes=number),
        first_sequence_number=f"{1000 + 10 * number}",
        last_sequence_number=f"{1005 + 10 * number}",
    )
    cause = Cause(Join.BY_NUMBER, f"e-{number}", "target call", None, error)
    return Case(letter, (KeyState(f"Town {number}"),), standing, "why", cause)


def test_letters_are_grouped_by_pipe_and_by_the_cause_without_its_numbers() -> None:
    found = groups([case(1, "timed out after 12 ms"), case(2), case(3, "refused")], SENT.timestamp() + 600)

    assert [(group.count, group.kind) for group in found] == [(2, "timed out after <n> ms"), (1, "refused")]
    assert (found[0].first, found[0].last) == (SENT.timestamp() + 60, SENT.timestamp() + 120)
    assert [sum(group.trend) for group in found] == [2, 1]
    assert len(found[0].trend) == TREND_POINTS
    assert groups([], 0) == ()


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice(), [1, 2]),
        (Choice(text="TOWN 1"), [1]),
        (Choice(text="refused"), [2]),
        (Choice(standing=Standing.UNKNOWN), [2]),
        (Choice(pipe="put-pipe", kind="refused"), [2]),
        (Choice(pipe="other"), []),
        (Choice(sequence="1013"), [1]),
        (Choice(sequence="1006"), []),
        (Choice(message="m-2"), [2]),
    ],
)
def test_each_filter_chooses(choice: Choice, chosen: list[int]) -> None:
    cases = [case(1), case(2, "refused", Standing.UNKNOWN)]

    assert [number for number, each in enumerate(cases, start=1) if choice.takes(each)] == chosen


def test_the_files_have_every_letter_and_no_formula() -> None:
    hostile = replace(case(1), letter=replace(case(1).letter, body='=cmd|"/c calc"!A1'))

    rows = list(csv.DictReader(io.StringIO(to_csv([hostile, case(2)]).decode("utf-8-sig"))))
    lines = [json.loads(line) for line in to_json_lines([hostile, case(2)]).splitlines()]

    assert [row["message_id"] for row in rows] == ["m-1", "m-2"]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["body"] == '\'=cmd|"/c calc"!A1'
    assert lines[0]["body"] == '=cmd|"/c calc"!A1'
    assert (lines[0]["cause"]["join"], lines[0]["keys"][0]["location"]) == ("by sequence number", "Town 1")
