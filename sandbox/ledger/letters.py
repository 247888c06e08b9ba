"""The dead letters that SQS accepted, seen on their way there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller


@dataclass(frozen=True)
class Letter:
    """Which record of which pipe a dead letter stands for."""

    pipe_arn: str
    sequence: str


class LetterLog:
    """An AwsCaller that passes everything on, and keeps the messages that SQS accepted until they are taken."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._bodies: list[str] = []

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """As the caller behind it. Raises AwsCallFailed."""
        answer = await self._aws.call(operation, payload, region=region)
        if operation == "sqs.SendMessage":
            self._bodies.append(payload["MessageBody"])
        return answer

    def take(self) -> list[Letter]:
        """The letters that were accepted since this was last called."""
        bodies, self._bodies = self._bodies, []
        return [_letter(json.loads(body)) for body in bodies]


def _letter(body: dict[str, Any]) -> Letter:
    return Letter(body["context"]["partnerResourceArn"], body["DDBStreamBatchInfo"]["startSequenceNumber"])
