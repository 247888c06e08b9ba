"""The dead letters that SQS and SNS accepted, seen on their way there."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller

#: The calls that take a dead letter, and which member of theirs holds it.
_BODIES = {"sqs.SendMessage": "MessageBody", "sns.Publish": "Message"}


@dataclass(frozen=True)
class Letter:
    """Which records of which pipe a dead letter stands for: so many, from the first to the last in their lane."""

    pipe_arn: str
    first: str
    last: str
    size: int


class LetterLog:
    """An AwsCaller that passes everything on, and keeps the letters that were accepted until they are taken."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._letters: list[Letter] = []

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """As the caller behind it. Raises AwsCallFailed."""
        answer = await self._aws.call(operation, payload, region=region)
        if operation in _BODIES:
            self._letters.append(_letter(json.loads(payload[_BODIES[operation]])))
        return answer

    def take(self) -> list[Letter]:
        """The letters that were accepted since this was last called."""
        letters, self._letters = self._letters, []
        return letters


def _letter(body: dict[str, Any]) -> Letter:
    info = body["DDBStreamBatchInfo"]
    # One text for all letters of a pipe: there may be very many before somebody looks.
    arn = sys.intern(body["context"]["partnerResourceArn"])
    return Letter(arn, info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"])
