"""The dead-letter queue: how many messages, and what each one is.

A dead letter of a DynamoDB pipe holds no record and no error, only where in the stream the record was
(facts/aws-pipes.md, section 2). Looking holds each message back for a moment and then releases it, because that
is the only way to see all of them; it changes nothing but the receive count, and a look that dies releases by
itself.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from provision import names
from services.aws import Aws, translated
from services.texts import encodable

#: How long a look may take before SQS shows the messages to others again by itself, in seconds.
HOLD_S = 30


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

    def tells_of(self, sequence_number: str) -> bool:
        """Whether it points at the stream record with this number; a batch's records lie between its two numbers."""
        try:
            return int(self.first_sequence_number) <= int(sequence_number) <= int(self.last_sequence_number)
        except ValueError:
            return False


@dataclass(frozen=True)
class Depth:
    """SQS's own approximate counts: visible, held by somebody's look or work, and delayed."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages in the queue."""
        return self.visible + self.in_flight + self.delayed


class DeadLetterQueue:
    """The queue. Every method raises a DashboardError that says what failed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._url = ""
        self._lock = threading.Lock()

    def depth(self) -> Depth:
        """How many messages there are."""
        url = self._queue_url()
        with translated(f"Counting the messages of queue {names.QUEUE}"):
            attributes = self._aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return Depth(
            int(attributes.get("ApproximateNumberOfMessages", 0)),
            int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
            int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def peek(self, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Up to `limit` messages, oldest first. One look at a time: two would hide messages from each other."""
        url = self._queue_url()
        with self._lock, translated(f"Looking at queue {names.QUEUE}"):
            expected = self.depth().visible
            held: dict[str, Any] = {}
            handles: list[str] = []
            try:
                while len(held) < limit:
                    # A short poll asks only some of SQS's servers; a long one asks all, and waits if all are empty.
                    batch = self._receive(url, wait_s=1 if len(held) < expected else 0)
                    if not batch:
                        break
                    handles += [message["ReceiptHandle"] for message in batch]
                    held.update((message["MessageId"], message) for message in batch)
            finally:
                self._release(url, handles)
        letters = [decode(message) for message in held.values()]
        return tuple(sorted(letters, key=lambda letter: letter.sent_at)[:limit])

    def _receive(self, url: str, wait_s: int) -> list[Any]:
        answer = self._aws.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HOLD_S,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _release(self, url: str, handles: list[str]) -> None:
        for start in range(0, len(handles), 10):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + 10])
            ]
            self._aws.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def _queue_url(self) -> str:
        if not self._url:
            with translated(f"Finding queue {names.QUEUE}"):
                self._url = self._aws.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
        return self._url


def decode(message: dict[str, Any]) -> DeadLetter:
    """A received SQS message as a dead letter. Never raises: a foreign body is kept as it is."""
    attributes = message.get("Attributes", {})
    body = str(message.get("Body", ""))
    letter = DeadLetter(
        message_id=str(message.get("MessageId", "")),
        body=body,
        sent_at=_moment(attributes.get("SentTimestamp")),
        receive_count=int(attributes.get("ApproximateReceiveCount", 0)),
    )
    try:
        content = json.loads(body)
        context, batch = content["context"], content["DDBStreamBatchInfo"]
        return replace(
            letter,
            pipe=encodable(str(context["partnerResourceArn"])).rpartition("/")[2],
            condition=_text(context, "condition"),
            failed_at=_text(content, "timestamp"),
            arrived_at=_text(batch, "approximateArrivalOfFirstRecord"),
            batch_size=int(batch.get("batchSize", 0)),
            shard_id=_text(batch, "shardId"),
            first_sequence_number=_text(batch, "startSequenceNumber"),
            last_sequence_number=_text(batch, "endSequenceNumber"),
            stream_arn=_text(batch, "streamArn"),
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return replace(letter, problem="Not a dead letter of a DynamoDB pipe; shown as it came.")


def _text(content: dict[str, Any], name: str) -> str:
    return encodable(str(content.get(name, "")))


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds or 0)) / 1000, UTC)
