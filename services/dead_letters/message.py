"""What one message of the dead-letter queue says. Pure.

A dead letter of a DynamoDB pipe holds no record and no error, only where in the stream the record was
(facts/aws-pipes.md, section 2). Anybody may send anything else to the queue; that is kept as it came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.text import encodable

#: For how long a DynamoDB stream keeps a record.
STREAM_KEEPS = timedelta(hours=24)

#: Records in the largest batch that a pipe takes (facts/aws-pipes.md, section 1.3).
LARGEST_BATCH = 10_000


@dataclass(frozen=True)
class DeadLetter:
    """One message of the queue. What cannot be decoded stays empty, with `body` as it came and `problem` in words."""

    message_id: str
    body: str
    sent_at: datetime
    receive_count: int
    pipe: str = ""
    condition: str = ""
    failed_at: str = ""
    arrived_at: str = ""
    batch_size: int | None = None
    shard_id: str = ""
    first_sequence_number: str = ""
    last_sequence_number: str = ""
    stream_arn: str = ""
    problem: str = ""

    @property
    def points_somewhere(self) -> bool:
        """Whether it names a place in a stream at all."""
        return bool(self.stream_arn and self.shard_id and self.first_sequence_number)

    def tells_of(self, sequence_number: str) -> bool:
        """Whether it points at the stream record with this number; a batch's records lie between its two numbers."""
        try:
            ends = sorted((int(self.first_sequence_number), int(self.last_sequence_number)))
            return ends[0] <= int(sequence_number) <= ends[1]
        except ValueError:
            return False

    @property
    def forgotten_at(self) -> datetime | None:
        """When the stream may forget its first record; None when the message does not say when that arrived."""
        try:
            arrived = datetime.fromisoformat(self.arrived_at)
            return (arrived if arrived.tzinfo else arrived.replace(tzinfo=UTC)) + STREAM_KEEPS
        except (ValueError, OverflowError):
            return None


def decode(message: dict[str, Any]) -> DeadLetter:
    """A received SQS message as a dead letter. Never raises: a foreign body is kept as it is."""
    attributes = message.get("Attributes", {})
    body = encodable(str(message.get("Body", "")))
    letter = DeadLetter(
        message_id=str(message.get("MessageId", "")),
        body=body,
        sent_at=_moment(attributes.get("SentTimestamp")),
        receive_count=int(attributes.get("ApproximateReceiveCount", 0)),
    )
    try:
        content = _unwrapped(json.loads(body))
        context, batch = content["context"], content["DDBStreamBatchInfo"]
        return replace(
            letter,
            pipe=encodable(str(context["partnerResourceArn"])).rpartition("/")[2],
            condition=_text(context, "condition"),
            failed_at=_text(content, "timestamp"),
            arrived_at=_text(batch, "approximateArrivalOfFirstRecord"),
            batch_size=_size(batch.get("batchSize", 0)),
            shard_id=_text(batch, "shardId"),
            first_sequence_number=_text(batch, "startSequenceNumber"),
            last_sequence_number=_text(batch, "endSequenceNumber"),
            stream_arn=_text(batch, "streamArn"),
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return replace(letter, problem="Not a dead letter of a DynamoDB pipe; shown as it came.")


def _unwrapped(content: Any) -> Any:
    """What SNS was given, if it is what SNS puts around a message on its way to a queue."""
    if isinstance(content, dict) and content.get("Type") == "Notification" and "Message" in content:
        return json.loads(content["Message"])
    return content


def _size(value: Any) -> int:
    """How many records. Raises ValueError for more than a batch can have, which no column of numbers could take."""
    size = int(value)
    if not 0 <= size <= LARGEST_BATCH:
        raise ValueError(f"batchSize is {value!r}; allowed: 0 to {LARGEST_BATCH}")
    return size


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    return "" if value is None else encodable(str(value))


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds or 0)) / 1000, UTC)
