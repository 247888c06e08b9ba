"""The dead-letter queue itself: counting it, looking at it, holding messages to work on them, deleting.

SQS has no way to read without receiving. A look therefore receives each message with a visibility timeout, until the
queue answers empty, and then releases all of them: it changes nothing but the receive counts, and a look that dies
releases by itself when the timeout ends. While somebody works on the messages, no look is taken (`QueueBusy`): it would
hide them from the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from core import names
from core.acknowledged import acknowledged
from core.aws import Aws, translated
from core.errors import DashboardError, Throttled
from services.dead_letters.holds import Held, Holds
from services.dead_letters.message import DeadLetter, decode

T = TypeVar("T")
A = TypeVar("A")

#: How long messages that a look or a piece of work has received stay hidden from others, in seconds.
HOLD_S = 60
#: A look ends at so many bytes of message bodies, whatever its limit.
LOOK_BYTES = 64 * 2**20
#: A look for a page ends after so many seconds: others wait for what it hides.
LOOK_S = 45
#: SQS takes and gives messages in tens; so many tens are under way at once.
_TEN = 10
_AT_ONCE = 4


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
    """What a look saw, oldest first; `complete` when the queue had nothing more. `about` is SQS's own count before.

    `hidden` is about how many there are beside those, which somebody else held and the look could not see.
    """

    letters: tuple[DeadLetter, ...]
    complete: bool
    about: int
    hidden: int = 0


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

    @property
    def hold_s(self) -> float:
        """How long what is received stays hidden, in seconds, unless it is held on."""
        return HOLD_S

    def look(self, limit: int = 500, within_s: float | None = None) -> Look:
        """The first `limit` messages that SQS gives within `within_s` seconds (LOOK_S), oldest first.

        SQS gives messages in no order: with more in the queue than `limit` these are not the oldest ones. Raises
        QueueBusy while work goes on.
        """
        with self._looking:
            if self._working.locked():
                raise _busy()
            before = self.depth()
            seen: dict[str, DeadLetter] = {}
            complete, size, deadline = False, 0, time.monotonic() + (LOOK_S if within_s is None else within_s)
            with Holds(self) as holds:
                while len(seen) < limit and size < LOOK_BYTES and time.monotonic() < deadline:
                    left = min(before.visible, limit) - len(seen)
                    batch = self.receive_many(left, wait_s=1 if left > 0 else 0)
                    holds.add(batch)
                    size += sum(len(message.letter.body) for message in batch)
                    seen.update((message.letter.message_id, message.letter) for message in batch)
                    if not batch:
                        complete = True
                        break
        letters = sorted(seen.values(), key=lambda letter: letter.sent_at)
        # What a hold of somebody else's hid before, and no longer did, was seen.
        hidden = max(0, before.total - len(letters)) if complete else before.in_flight + before.delayed
        return Look(
            tuple(letters[:limit]), complete and len(letters) <= limit, max(before.visible, len(letters)), hidden
        )

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
        until = time.monotonic() + HOLD_S
        with translated(f"Reading queue {names.QUEUE}"):
            answer = self._aws.patient.sqs.receive_message(
                QueueUrl=self._queue_url(),
                MaxNumberOfMessages=_TEN,
                VisibilityTimeout=HOLD_S,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["All"],
            )
        received: list[Any] = list(answer.get("Messages", []))
        return [Held(decode(message), str(message["ReceiptHandle"]), until) for message in received]

    def receive_many(self, about: int, wait_s: int) -> list[Held]:
        """About so many messages, at most 40, by several `receive` at once; at least one is made.

        What is received is released again when one of them fails.
        """
        calls = min(max(1, -(-about // _TEN)), _AT_ONCE)
        if calls == 1:
            return self.receive(wait_s)
        received: list[Held] = []

        def receive(_: int) -> None:
            received.extend(self.receive(wait_s))

        try:
            _at_once(receive, range(calls))
        except DashboardError:
            self.release(each.handle for each in received)
            raise
        return received

    def release(self, handles: Iterable[str]) -> None:
        """Shows held messages to everybody again. A hold that has ended already is no failure."""
        _at_once(lambda ten: self._change_hold(ten, 0), _tens(list(handles)))

    def hold_on(self, held: Sequence[Held]) -> dict[str, Held]:
        """Holds messages for another HOLD_S seconds from now: those of which SQS took it, by message id."""

        def hold(ten: Sequence[Held]) -> dict[str, Held]:
            until = time.monotonic() + HOLD_S
            refused = self._change_hold([each.handle for each in ten], HOLD_S)
            return {each.letter.message_id: replace(each, until=until) for each in ten if each.handle not in refused}

        return {name: each for part in _at_once(hold, _tens(held)) for name, each in part.items()}

    def delete(self, held: Sequence[Held]) -> dict[str, str]:
        """Deletes held messages for good. Returns of which it failed, by message id, and why. Never raises."""
        return {name: why for part in _at_once(self._delete_ten, _tens(held)) for name, why in part.items()}

    def _delete_ten(self, held: Sequence[Held]) -> dict[str, str]:
        entries: list[Any] = [{"Id": str(number), "ReceiptHandle": each.handle} for number, each in enumerate(held)]
        try:
            with acknowledged(f"Deleting messages of queue {names.QUEUE}"):
                answer = self._aws.patient.sqs.delete_message_batch(QueueUrl=self._queue_url(), Entries=entries)
        except DashboardError as error:
            return {each.letter.message_id: str(error) for each in held}
        return {
            held[int(failed["Id"])].letter.message_id: f"{failed['Code']}: {failed.get('Message', '')}"
            for failed in answer.get("Failed", [])
        }

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

    def _change_hold(self, handles: Sequence[str], seconds: int) -> frozenset[str]:
        """Those of at most ten handles that SQS refused."""
        entries: list[Any] = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for number, handle in enumerate(handles)
        ]
        with translated(f"Changing the hold on messages of queue {names.QUEUE}"):
            answer: Mapping[str, Any] = self._aws.patient.sqs.change_message_visibility_batch(
                QueueUrl=self._queue_url(), Entries=entries
            )
        return frozenset(handles[int(failed["Id"])] for failed in answer.get("Failed", []))

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


def _tens(items: Sequence[A]) -> list[Sequence[A]]:
    return [items[start : start + _TEN] for start in range(0, len(items), _TEN)]


def _at_once(call: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """The call for each item, several at the same time; raises what one of them raised, after all of them."""
    if len(items) <= 1:
        return [call(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dead-letter queue") as pool:
        return list(pool.map(call, items))
