"""What the commands say of their work: how far it is, what was seen of about how many, and what is left."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from core.text import printable
from services.dead_letters.message import DeadLetter
from services.dead_letters.queue import Look
from services.dead_letters.repair_status import Case, Plan
from services.dead_letters.results import HIDDEN, seen_words
from services.jobs.jobs import Control

#: Seconds between two lines that say how far the work is.
TOLD_EVERY_S = 2.0


class Telling(Control):
    """Says on standard error how far the work is, now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at = time.monotonic()

    def report(self, done: int, total: int | None, words: str) -> None:
        """As Control does, and prints it when the last line is old enough."""
        super().report(done, total, words)
        if time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            sys.stderr.write(f"{printable(words)}\n")


@contextmanager
def interrupting(control: Control) -> Iterator[None]:
    """While the block runs, the first Ctrl-C asks the work to stop where it leaves nothing half done."""

    def stop(*_: object) -> None:
        control.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def about(look: Look) -> int:
    """About how many messages there were, those included that somebody else held."""
    return max(look.about, len(look.letters) + look.hidden)


def unseen_of(look: Look) -> int:
    """About how many messages the look did not see."""
    return about(look) - len(look.letters)


def unseen_words(unseen: int) -> str:
    """That some were not seen, and why; "" when all were."""
    return f" About {unseen:,} were not seen: {HIDDEN}, or there are too many." if unseen else ""


def looked(look: Look, chosen: Collection[DeadLetter]) -> str:
    """How many were seen of about how many, and how many of them are meant."""
    words = seen_words(len(look.letters), about(look))
    return words if len(chosen) == len(look.letters) else f"{words} {len(chosen):,} match."


def planned_words(planned: Plan, cases: Sequence[Case]) -> str:
    """The plan, and which messages it leaves in the queue for which reasons."""
    reasons = Counter(case.why for case in cases if not case.keys)
    left = "".join(f" {number:,} left in the queue: {why}" for why, number in reasons.most_common())
    return f"{planned.words()}{left}"
