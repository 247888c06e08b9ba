"""The event that a pipe makes of a stream record (facts/aws-pipes.md, section 5)."""

from __future__ import annotations

from typing import Any


def event_of(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """The record as GetRecords gives it, with the stream's ARN, and the identity's keys as Pipes spells them."""
    event = {**record, "eventSourceARN": stream_arn}
    identity = record.get("userIdentity")
    if identity:
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    return event
