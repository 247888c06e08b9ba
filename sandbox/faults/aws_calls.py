"""Faults of SQS and CloudWatch Logs, as the Pipes runtime meets them.

They stand in front of the runtime's own calls only: a boto3 client of the AWS endpoint is never hit.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.faults.board import FaultBoard
from sandbox.faults.fault import Fail, Fault
from sandbox.faults.targets import Wire

#: A call that is never answered fails after this time. Assumed: what AWS's own callers wait is not known.
TIMEOUT_S = 3.0

_WIRES = {"sqs": Wire.SQS, "logs": Wire.LOGS}
#: Error codes that go with a status when the fault names none.
_CODES = {400: "InvalidRequest", 403: "AccessDenied", 429: "ThrottlingException", 503: "ServiceUnavailable"}


class FaultyAws:
    """An AwsCaller that asks the board before it passes a call on."""

    def __init__(self, aws: AwsCaller, faults: FaultBoard) -> None:
        self._aws = aws
        self._faults = faults

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """As the caller behind it. Raises AwsCallFailed as the fault says, or as AWS does."""
        service, _, action = operation.partition(".")
        wire = _WIRES.get(service)
        fault = self._faults.hit(wire, action) if wire else None
        if fault is not None:
            await _suffer(fault, operation)
        return await self._aws.call(operation, payload, region=region)


async def _suffer(fault: Fault, operation: str) -> None:
    await asyncio.sleep(fault.delay_ms / 1000)
    if fault.fail is Fail.TIMEOUT:
        await asyncio.sleep(TIMEOUT_S)
        raise AwsCallFailed(operation, "RequestTimeout", "A fault is switched on in the sandbox: no answer", 408)
    if fault.status is not None or fault.code is not None:
        status = fault.status or 400
        code = fault.code or _CODES.get(status, "InternalFailure" if status >= 500 else "InvalidRequest")
        raise AwsCallFailed(operation, code, "A fault is switched on in the sandbox", status)
