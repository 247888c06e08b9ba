"""Where a fault may strike: a wire of the sandbox and an operation on it, written like `momento.http PUT /cache`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: In place of an operation: all of them.
EVERY = "*"


class Wire(Enum):
    """The ways in which one part of the sandbox calls another, by the first word of a target."""

    HTTP = "momento.http"
    GRPC = "momento.grpc"
    OAUTH = "oauth"
    SQS = "sqs"
    LOGS = "logs"


#: What may follow the wire. SQS and CloudWatch Logs have the operations that the Pipes runtime calls.
OPERATIONS: dict[Wire, tuple[str, ...]] = {
    Wire.HTTP: ("GET /cache", "PUT /cache", "DELETE /cache", "POST /topics", "GET /topics", EVERY),
    Wire.GRPC: (
        *("Get", "Set", "SetIfNotExists", "Delete", "KeysExist", "Increment", "UpdateTtl", "ItemGetTtl", "ItemGetType"),
        *("Publish", "Subscribe", "CreateCache", "DeleteCache", "ListCaches", "FlushCache", "Ping", EVERY),
    ),
    Wire.OAUTH: ("token",),
    Wire.SQS: ("SendMessage", "GetQueueUrl", EVERY),
    Wire.LOGS: ("PutLogEvents", "CreateLogStream", EVERY),
}

#: What a fault can do on a wire: the fields that it may have. A single gRPC call has no connection to reset.
EFFECTS: dict[Wire, tuple[str, ...]] = {
    Wire.HTTP: ("status", "fail", "slow_body", "delay_ms"),
    Wire.OAUTH: ("status", "fail", "slow_body", "delay_ms"),
    Wire.GRPC: ("code", "fail", "delay_ms"),
    Wire.SQS: ("status", "code", "fail", "delay_ms"),
    Wire.LOGS: ("status", "code", "fail", "delay_ms"),
}


@dataclass(frozen=True)
class Target:
    """Where a fault strikes."""

    wire: Wire
    operation: str

    def __str__(self) -> str:
        return f"{self.wire.value} {self.operation}"


#: Every target there is, by its text.
TARGETS: dict[str, Target] = {
    str(target): target for wire, operations in OPERATIONS.items() for target in (Target(wire, o) for o in operations)
}
