"""What the rest of the sandbox needs of AWS: one method, spoken in JSON.

The Pipes runtime depends on this protocol only; `sandbox.aws.emulator.Emulator` is what stands behind it.
"""

from __future__ import annotations

from typing import Any, Protocol

#: The code of a call that names no operation of the service, whatever the service itself calls it.
UNKNOWN_OPERATION = "UnknownOperation"


class AwsCallFailed(Exception):
    """Raised when an AWS call answers with an error: its `code`, `message` and HTTP `status`."""

    def __init__(self, operation: str, code: str, message: str, status: int) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status


class AwsCaller(Protocol):
    """Calls AWS operations: a dict goes in and a dict comes out, whatever the service's own protocol is."""

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """Answer of one operation, named like `sqs.SendMessage` or `dynamodbstreams.GetRecords`.

        The account is the sandbox's own. Raises AwsCallFailed, with code UNKNOWN_OPERATION for a service or an
        operation that does not exist.
        """
        ...
