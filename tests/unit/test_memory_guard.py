"""The guard over the sandbox's memory: what it refuses, in whose words, and that it lets go again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.memory_guard import MemoryGuard, memory_taken, most_memory


class Calls:
    """A guard over a process whose memory the test sets, and what came of each call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sandbox.aws.memory_guard._LOOK_S", 0.0)
        self.taken = 0
        self.passed: list[str] = []
        self._guard = MemoryGuard(self._gateway, most=100, taken=lambda: self.taken)

    async def _gateway(self, scope: Any, receive: Any, send: Any) -> None:
        self.passed.append(scope["headers"][0][1].decode())

    async def call(self, target: str) -> str:
        """The code of the refusal, or ""."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the body was read")

        await self._guard({"type": "http", "headers": [(b"x-amz-target", target.encode())]}, receive, send)
        return json.loads(sent[1]["body"])["__type"] if sent else ""


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("DynamoDB_20120810.PutItem", "ThrottlingException"),
        ("AmazonSQS.SendMessage", "RequestThrottled"),
        ("Logs_20140328.PutLogEvents", "ThrottlingException"),
    ],
)
async def test_writes_are_refused_unread_while_there_is_no_memory(
    monkeypatch: pytest.MonkeyPatch, target: str, code: str
) -> None:
    calls = Calls(monkeypatch)

    assert await calls.call(target) == ""
    calls.taken = 101
    assert await calls.call(target) == code
    calls.taken = 99
    assert await calls.call(target) == ""


@pytest.mark.parametrize("target", ["DynamoDB_20120810.DeleteItem", "AmazonSQS.ReceiveMessage", "AmazonSQS.PurgeQueue"])
async def test_what_reads_or_makes_room_is_always_let_through(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    calls = Calls(monkeypatch)
    calls.taken = 101

    assert await calls.call(target) == ""
    assert calls.passed == [target]


def test_the_memory_of_this_process_is_within_what_it_may_take() -> None:
    assert 10_000_000 < memory_taken() < most_memory()
