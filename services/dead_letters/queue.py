"""The dead-letter queue itself: counting it, looking at it, holding messages to work on them, deleting.

SQS has no way to read without receiving. A look therefore receives each message with a visibility timeout, until the
queue answers empty, and then releases all of them: it changes nothing but the receive counts, and a look that dies
releases by itself when the timeout ends. While somebody works on the messages, no look is taken (`QueueBusy`): it would
hide them from the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from provision import names
from services.acknowledged import acknowledged
from services.aws import Aws, translated
from services.dead_letters.letter import DeadLetter, decode
from services.errors import Throttled

#: How long messages that a look or a piece of work has received stay hidden from others, in seconds.
HOLD_S = 60
#: A look ends at so many bytes of message bodies, whatever its limit.
LOOK_BYTES = 64 * 2**20
#: A look ends after so many seconds: what it held first must not come again while it goes on.
LOOK_S = HOLD_S - 15
#: SQS takes and gives messages in tens.
_TEN = 10


class QueueBusy(Throttled):
    """Raised when the messages are held by work that goes on, and would not be seen."""


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


@dataclass(frozen=True)
class QueueFacts:
    """Settings of the queue: its ARN, and for how many seconds it keeps a message."""

    arn: str
    retention_s: int


@dataclass(frozen=True)
class Look:
    """What a look saw, oldest first; `complete` when the queue had nothing more. `about` is SQS's own count before."""

    letters: tuple[DeadLetter, ...]
    complete: bool
    about: int


@dataclass(frozen=True)
class Held:
    """A message that is held for work, with the handle that deletes or releases it."""

    letter: DeadLetter
    handle: str


class DeadLetterQueue:
    """The queue. Every method raises a DashboardError that says what failed. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._url = ""
        self._looking = threading.Lock()
        self._working = threading.Lock()

    def depth(self) -> Depth:
        """How many messages there are."""
        attributes = self._attributes(f"Counting the messages of queue {names.QUEUE}")
        return Depth(
            int(attributes.get("ApproximateNumberOfMessages", 0)),
            int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
            int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def facts(self) -> QueueFacts:
        """The queue's settings."""
        attributes = self._attributes(f"Reading the settings of queue {names.QUEUE}")
        return QueueFacts(attributes.get("QueueArn", ""), int(attributes.get("MessageRetentionPeriod", 0)))

    def look(self, limit: int = 500) -> Look:
        """The first `limit` messages that SQS gives, oldest first. Raises QueueBusy while work goes on.

        SQS gives messages in no order: with more in the queue than `limit` these are not the oldest ones.
        """
        with self._looking:
            if self._working.locked():
                raise _busy()
            about = self.depth().visible
            held: dict[str, Held] = {}
            handles: list[str] = []
            complete, size, deadline = False, 0, time.monotonic() + LOOK_S
            try:
                while len(held) < limit and size < LOOK_BYTES and time.monotonic() < deadline:
                    batch = self.receive(wait_s=1 if len(held) < about else 0)
                    handles += [message.handle for message in batch]
                    size += sum(len(message.letter.body) for message in batch)
                    held.update((message.letter.message_id, message) for message in batch)
                    if not batch:
                        complete = True
                        break
            finally:
                self.release(handles)
        letters = sorted((message.letter for message in held.values()), key=lambda letter: letter.sent_at)
        return Look(tuple(letters[:limit]), complete and len(letters) <= limit, max(about, len(letters)))

    @contextmanager
    def work(self) -> Iterator[None]:
        """While the block runs, this process takes no look and does no other work. Raises QueueBusy."""
        if not self._working.acquire(blocking=False):
            raise _busy()
        try:
            # Waits for the look that may be under way: it holds the messages that the work is for.
            with self._looking:
                pass
            yield
        finally:
            self._working.release()

    def receive(self, wait_s: int) -> list[Held]:
        """Up to ten messages, held for HOLD_S seconds; none when the queue answers empty after `wait_s` seconds.

        A poll without waiting asks only some of SQS's servers; a long one asks all.
        """
        with translated(f"Reading queue {names.QUEUE}"):
            answer = self._aws.patient.sqs.receive_message(
                QueueUrl=self._queue_url(),
                MaxNumberOfMessages=_TEN,
                VisibilityTimeout=HOLD_S,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["All"],
            )
        received: list[Any] = list(answer.get("Messages", []))
        return [Held(decode(message), str(message["ReceiptHandle"])) for message in received]

    def release(self, handles: Iterable[str]) -> None:
        """Shows held messages to everybody again. A hold that has ended already is no failure."""
        self._change_hold(list(handles), 0)

    def hold_on(self, handles: Iterable[str]) -> None:
        """Holds messages for another HOLD_S seconds from now."""
        self._change_hold(list(handles), HOLD_S)

    def delete(self, held: Held) -> None:
        """Deletes a held message for good."""
        with acknowledged(f"Deleting message {held.letter.message_id} of queue {names.QUEUE}"):
            self._aws.patient.sqs.delete_message(QueueUrl=self._queue_url(), ReceiptHandle=held.handle)

    def purge(self) -> None:
        """Deletes every message, those that are held included. SQS takes up to 60 s, and allows one purge in 60 s.

        Messages that are sent while it purges may be deleted too. Raises Throttled for a second purge in 60 s.
        """
        with self.work(), acknowledged(f"Purging queue {names.QUEUE}"):
            try:
                self._aws.patient.sqs.purge_queue(QueueUrl=self._queue_url())
            except ClientError as error:
                if "PurgeQueueInProgress" not in error.response.get("Error", {}).get("Code", ""):
                    raise
                raise Throttled(
                    f"Queue {names.QUEUE} was purged less than 60 s ago, and SQS allows one purge in 60 s.",
                    "Wait a minute; what was there is being deleted already.",
                ) from error

    @property
    def working(self) -> bool:
        """Whether this process works on the messages now."""
        return self._working.locked()

    def _change_hold(self, handles: list[str], seconds: int) -> None:
        for start in range(0, len(handles), _TEN):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, handle in enumerate(handles[start : start + _TEN])
            ]
            with translated(f"Changing the hold on messages of queue {names.QUEUE}"):
                self._aws.patient.sqs.change_message_visibility_batch(QueueUrl=self._queue_url(), Entries=entries)

    def _attributes(self, tried: str) -> dict[str, str]:
        with translated(tried):
            answer = self._aws.sqs.get_queue_attributes(QueueUrl=self._queue_url(), AttributeNames=["All"])
        return {str(name): value for name, value in answer["Attributes"].items()}

    def _queue_url(self) -> str:
        if not self._url:
            with translated(f"Finding queue {names.QUEUE}"):
                self._url = self._aws.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
        return self._url


def _busy() -> QueueBusy:
    return QueueBusy(
        f"Queue {names.QUEUE} is in use: somebody works on its messages, and they are hidden meanwhile.",
        "Look again when the work is done.",
    )
