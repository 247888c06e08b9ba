"""Holding messages of the queue for longer than one hold lasts: a thread renews what would show again soon.

A hold that ended is not taken up again: another reader may have the message by then. Whoever wants to delete one asks
`sure` first, since SQS takes the deletion of a message that another reader has received, and does not delete it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from core.errors import DashboardError
from services.dead_letters.message import DeadLetter

logger = logging.getLogger(__name__)

#: A hold with less than this part of its time left is renewed, and one with less than that part is not sure any more.
_RENEWED_AT, _SURE_AT = 0.6, 0.1


@dataclass(frozen=True)
class Held:
    """A message that is held for work, with the handle that deletes or releases it; hidden `until` (monotonic s)."""

    letter: DeadLetter
    handle: str
    until: float = 0.0


class Queue(Protocol):
    """What is needed of the queue whose messages are held."""

    @property
    def hold_s(self) -> float:
        """How long a hold lasts, in seconds."""

    def hold_on(self, held: Sequence[Held]) -> Mapping[str, Held]:
        """Holds them for longer: those of which SQS took it, by message id."""

    def release(self, handles: Iterable[str]) -> None:
        """Shows them to everybody again."""


class Holds:
    """The messages that one look or one piece of work holds. As a block: at its end all are released."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="dead-letter holds", daemon=True)

    def __enter__(self) -> Holds:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        try:
            self.release()
        except DashboardError as not_released:
            # They show again by themselves, and what went wrong in the block says more.
            logger.warning("messages are hidden until their hold ends: %s", not_released)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, held: Iterable[Held]) -> None:
        """Holds these from now on; of a message that came again its newest handle counts."""
        with self._lock:
            self._held.update((each.letter.message_id, each) for each in held)

    def forget(self, message_ids: Iterable[str]) -> None:
        """Neither renews nor releases these any more."""
        with self._lock:
            for message_id in message_ids:
                self._held.pop(message_id, None)

    def sure(self, message_id: str) -> Held | None:
        """The message, if it is hidden from everybody else for long enough to delete it; else None."""
        with self._lock:
            held = self._held.get(message_id)
        return held if held is not None and self._left(held) > _SURE_AT else None

    def release(self) -> None:
        """Shows all of them to everybody again. Raises DashboardError."""
        with self._lock:
            handles = [each.handle for each in self._held.values()]
            self._held.clear()
        self._queue.release(handles)

    def _left(self, held: Held) -> float:
        """Which part of its hold is left."""
        return (held.until - time.monotonic()) / self._queue.hold_s

    def _renew(self) -> None:
        while not self._ended.wait(self._queue.hold_s / 10):
            with self._lock:
                due = [each for each in self._held.values() if _SURE_AT < self._left(each) < _RENEWED_AT]
            if not due:
                continue
            try:
                renewed = self._queue.hold_on(due)
            except DashboardError as error:
                logger.warning("the hold on %d messages could not be renewed: %s", len(due), error)
                continue
            with self._lock:
                # What was deleted or released meanwhile stays out.
                current = {name: each for name, each in renewed.items() if name in self._held}
                self._held.update(current)
