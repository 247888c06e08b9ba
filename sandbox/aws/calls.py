"""What the rest of the sandbox needs of AWS: one method, spoken in JSON.

The Pipes runtime depends on this protocol only; `sandbox.aws.emulator.Emulator` is what stands behind it.
"""

from __future__ import annotations

from typing import Any, Protocol


class AwsCallFailed(Exception):
    """Raised when an AWS call answers with an error: its `code`, `message` and HTTP `status`."""

    def __init__(self, operation: str, code: str, message: str, status: int) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status


class AwsCaller(Protocol):
    """Calls AWS operations of JSON-protocol services."""

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """Answer of one operation, named like `sqs.SendMessage` or `dynamodbstreams.GetRecords`.

        The account is the sandbox's own. Raises AwsCallFailed.
        """
        ...
