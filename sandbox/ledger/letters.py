"""The dead letters that SQS accepted, seen on their way there."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller


@dataclass(frozen=True)
class Letter:
    """Which record of which pipe a dead letter stands for."""

    pipe_arn: str
    sequence: str


class LetterLog:
    """An AwsCaller that passes everything on, and keeps the letters that SQS accepted until they are taken."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._letters: list[Letter] = []

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """As the caller behind it. Raises AwsCallFailed."""
        answer = await self._aws.call(operation, payload, region=region)
        if operation == "sqs.SendMessage":
            self._letters.append(_letter(json.loads(payload["MessageBody"])))
        return answer

    def take(self) -> list[Letter]:
        """The letters that were accepted since this was last called."""
        letters, self._letters = self._letters, []
        return letters


def _letter(body: dict[str, Any]) -> Letter:
    # One text for all letters of a pipe: there may be very many before somebody looks.
    return Letter(sys.intern(body["context"]["partnerResourceArn"]), body["DDBStreamBatchInfo"]["startSequenceNumber"])
