"""One execution in detail, from records as Pipes writes them at each level."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.logs import stages as execution_stages
from services.logs.executions import LogRecord
from services.logs.stages import Stage, stages
from tests.unit.services.logs.test_pipe_logs import CHANGE, record

#: An execution at TRACE: every message type that a success writes, in its order.
TRACE = [
    record("ExecutionStarted", 0, payload=json.dumps([CHANGE])),
    record("TargetStageEntered", 1),
    record("TargetTransformationStarted", 2),
    record("TargetTransformationSucceeded", 3, payload='[{"Location": "Oslo"}]'),
    record("TargetInvocationStarted", 4),
    record("TargetInvocationSucceeded", 9, awsRequest='{"method": "PUT"}', awsResponse='{"status": 200}'),
    record("TargetStageSucceeded", 10, payload=""),
    record("ExecutionSucceeded", 11),
]


def test_the_stages_of_a_success_are_told_with_their_times() -> None:
    assert stages(TRACE) == (
        Stage("Execution", 0, 11, "Succeeded"),
        Stage("Target stage", 1, 10, "Succeeded"),
        Stage("Target transformation", 2, 3, "Succeeded"),
        Stage("Target call", 4, 9, "Succeeded"),
    )
    assert [stage.duration_ms for stage in stages(TRACE)] == [11, 9, 1, 5]


@settings(deadline=None)
@given(st.permutations(TRACE))
def test_the_order_of_reading_does_not_matter(records: list[LogRecord]) -> None:
    assert stages(records) == stages(TRACE)


def test_at_info_a_call_that_failed_has_an_end_and_no_beginning() -> None:
    found = stages([record("ExecutionStarted", 0), record("TargetInvocationFailed", 7), record("ExecutionFailed", 8)])

    assert found == (Stage("Execution", 0, 8, "Failed"), Stage("Target call", None, 7, "Failed"))
    assert found[1].duration_ms is None


def test_each_try_of_a_call_is_a_stage_and_one_that_lasts_has_no_end() -> None:
    found = stages(
        [
            record("TargetInvocationStarted", 1),
            record("TargetInvocationFailed", 3),
            record("TargetInvocationStarted", 10),
        ]
    )

    assert found == (Stage("Target call", 1, 3, "Failed"), Stage("Target call", 10, None))


def test_what_is_no_stage_is_left_out() -> None:
    assert stages([record("SomethingNew", 1)]) == ()


def test_payload_request_and_answer_are_those_of_the_log() -> None:
    assert json.loads(execution_stages.payload(TRACE).text) == [CHANGE]
    assert json.loads(execution_stages.sent(TRACE).text) == [{"Location": "Oslo"}]
    assert json.loads(execution_stages.request(TRACE).text) == {"method": "PUT"}
    assert json.loads(execution_stages.response(TRACE).text) == {"status": 200}


@pytest.mark.parametrize(
    ("records", "field", "words"),
    [
        ([record("ExecutionFailed", 1)], execution_stages.payload, "INFO and TRACE"),
        ([record("ExecutionStarted", 1)], execution_stages.payload, "leaves execution data out"),
        ([record("ExecutionSucceeded", 1)], execution_stages.request, "TRACE only"),
        ([record("ExecutionSucceeded", 1)], execution_stages.sent, "at the level TRACE"),
        ([record("TargetInvocationFailed", 1)], execution_stages.response, "leaves execution data out"),
        (
            [record("ExecutionStarted", 1, payload="", truncatedFields=["payload"])],
            execution_stages.payload,
            "Pipes cut all of it",
        ),
    ],
)
def test_what_is_absent_is_explained(records: list[LogRecord], field: Any, words: str) -> None:
    found = field(records)

    assert found.text == ""
    assert words in found.absence


def test_what_was_cut_is_marked() -> None:
    cut = json.dumps([CHANGE])[:40]
    found = execution_stages.payload([record("ExecutionStarted", 1, payload=cut, truncatedFields=["payload"])])

    assert (found.text, found.truncated) == (cut, True)
