"""The guard over the sandbox's memory: what it refuses, in whose words, and that it lets go again."""

from __future__ import annotations

import pytest

from sandbox.aws.memory_guard import MemoryGuard, memory_taken, most_memory
from sandbox.aws.refusals import Refused


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the process takes, in bytes, of the 100 that it may."""
    monkeypatch.setattr("sandbox.aws.memory_guard._LOOK_S", 0.0)
    return [0]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("dynamodb", "PutItem", "ThrottlingException"),
        ("dynamodb", "UpdateItem", "ThrottlingException"),
        ("sqs", "SendMessage", "RequestThrottled"),
        ("logs", "PutLogEvents", "ThrottlingException"),
        ("sns", "Publish", "ThrottlingException"),
        ("monitoring", "PutMetricData", "ThrottlingException"),
        ("secretsmanager", "PutSecretValue", "ThrottlingException"),
    ],
)
def test_what_adds_is_refused_while_there_is_no_memory(
    taken: list[int], service: str, operation: str, code: str
) -> None:
    guard = MemoryGuard(100, lambda: taken[0])

    guard.check(service, operation)
    taken[0] = 101
    with pytest.raises(Refused, match="limit of memory") as refused:
        guard.check(service, operation)
    taken[0] = 99
    guard.check(service, operation)

    assert refused.value.reason.json_code == code


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "DeleteItem"),
        ("dynamodb", "Scan"),
        ("sqs", "ReceiveMessage"),
        ("sqs", "ChangeMessageVisibility"),
        ("sqs", "PurgeQueue"),
        ("logs", "DeleteLogGroup"),
        ("pipes", "POST /v1/pipes/weather"),
    ],
)
def test_what_reads_or_makes_room_is_always_let_through(taken: list[int], service: str, operation: str) -> None:
    taken[0] = 101

    MemoryGuard(100, lambda: taken[0]).check(service, operation)


def test_the_memory_of_this_process_is_within_what_it_may_take() -> None:
    assert 10_000_000 < memory_taken() < most_memory()
