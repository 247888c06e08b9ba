"""Work on chosen dead letters: repair, deletion, publishing again. Each is an act of the audit log and can be stopped.

    receive ten ─▶ not chosen: held until the end, then released
               └─▶ chosen: bring its keys right, with proof ─▶ delete the message ─▶ note the result
                                    └─ no proof: the message stays; FAILURES in a row stop the work

A message is deleted only after the proof for every key it points at. The work can be killed at any step: what was not
deleted is visible again after HOLD_S seconds, and doing it again changes nothing that is right. Messages that came
later are not touched; those that somebody else holds are reported as not seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from services.audit import Act, Audit
from services.dead_letters.letter import DeadLetter
from services.dead_letters.queue import HOLD_S, DeadLetterQueue, Held
from services.errors import DashboardError, InvalidInput, NotFound
from services.jobs import Control
from services.reconcile import Outcome, Reconciler

#: Failures in a row that stop the work: the target does not recover while it is hammered.
FAILURES = 5
#: Results are noted in the audit log in groups of this many, so that a killed process leaves a trace of what it did.
NOTED_AT_ONCE = 50
#: Fewer letters a second would let the hold on a batch of ten end before its last one is done.
SLOWEST = 0.5
#: How often the queue must answer empty before what was not seen counts as gone or held by somebody else.
EMPTY_ANSWERS = 3


class Fate(Enum):
    """What became of one message."""

    REPAIRED = "repaired"
    ALREADY_RIGHT = "already right"
    PUBLISHED = "published again"
    DELETED = "deleted"
    FAILED = "failed"
    LEFT = "left as it is"
    NOT_SEEN = "not seen"


#: The fates of messages that are still there.
KEPT = (Fate.FAILED, Fate.LEFT, Fate.NOT_SEEN)


@dataclass(frozen=True)
class Result:
    """What became of one message, of which keys, and why. One that FAILED, was LEFT or NOT_SEEN is still there."""

    message_id: str
    fate: Fate
    locations: tuple[str, ...] = ()
    why: str = ""

    def line(self) -> dict[str, Any]:
        """For the audit log."""
        return {"message": self.message_id, "fate": self.fate.value, "keys": list(self.locations), "why": self.why}


@dataclass(frozen=True)
class Report:
    """All results of one piece of work; `stopped` says why it ended before all were done, if it did."""

    results: tuple[Result, ...]
    stopped: str = ""

    def count(self, fate: Fate) -> int:
        """How many messages had this fate."""
        return sum(result.fate is fate for result in self.results)

    def words(self) -> str:
        """The report in a sentence of ours."""
        counts = [f"{self.count(fate):,} {fate.value}" for fate in Fate if self.count(fate)]
        return f"{', '.join(counts) or 'Nothing was done'}.{f' Stopped: {self.stopped}' if self.stopped else ''}"


@dataclass(frozen=True)
class Order:
    """Who asks for which letters to be worked on, why, and at most how many each second (SLOWEST or more)."""

    act: str
    who: str
    why: str
    letters: Mapping[str, DeadLetter]
    locations: Mapping[str, tuple[str, ...]]
    per_second: float = 50.0

    def __post_init__(self) -> None:
        """Raises InvalidInput without a reason or letters."""
        if not self.why.strip():
            raise InvalidInput("why", "A reason is needed: the audit log keeps it.", "Say why in a few words.")
        if not self.letters:
            raise InvalidInput("letters", "No message is chosen.", "Choose one or more.")


#: Does the work for one message and its keys; the message is deleted unless the fate is one of KEPT.
Handle = Callable[[DeadLetter, tuple[str, ...]], Result]


def repairing(reconciler: Reconciler) -> Handle:
    """Brings the cache to the table for every key of a message."""

    def repair(letter: DeadLetter, locations: tuple[str, ...]) -> Result:
        if not locations:
            return Result(letter.message_id, Fate.LEFT, (), "Nothing tells which key it is about.")
        done = [reconciler.reconcile(location) for location in locations]
        failed = [each for each in done if each.outcome is Outcome.GAVE_UP]
        if failed:
            return Result(letter.message_id, Fate.FAILED, locations, failed[0].why)
        right = all(each.outcome is Outcome.ALREADY_RIGHT for each in done)
        why = done[0].why if len(done) == 1 else ""
        return Result(letter.message_id, Fate.ALREADY_RIGHT if right else Fate.REPAIRED, locations, why)

    return repair


def deleting(letter: DeadLetter, locations: tuple[str, ...]) -> Result:
    """Lets a message be deleted as it is."""
    return Result(letter.message_id, Fate.DELETED, locations)


def work(queue: DeadLetterQueue, audit: Audit, order: Order, handle: Handle, control: Control) -> Report:
    """Does the work on the ordered letters that the queue gives, as a job. Raises DashboardError.

    The intent is in the audit log before the first change; if it cannot be written, nothing is done.
    """
    with queue.work():
        lines = [
            {"message": message_id, "keys": list(order.locations.get(message_id, ())), "body": letter.body}
            for message_id, letter in order.letters.items()
        ]
        act = audit.begin(order.act, order.who, order.why, lines, messages=len(lines))
        run = _Run(queue, act, order, handle, control)
        try:
            report = run.report(run.go())
        except DashboardError as error:
            run.end(run.report(str(error)))
            raise
        run.end(report)
        return report


class _Run:
    """One piece of work under way."""

    def __init__(self, queue: DeadLetterQueue, act: Act, order: Order, handle: Handle, control: Control) -> None:
        self._queue = queue
        self._act = act
        self._order = order
        self._handle = handle
        self._control = control
        self._results: dict[str, Result] = {}
        self._noted = 0
        self._others: dict[str, str] = {}
        self._others_held_at = time.monotonic()
        self._failures = 0

    def go(self) -> str:
        """Works until all are done. Returns why it stopped early, or ""."""
        empty = 0
        while self._left() and empty < EMPTY_ANSWERS:
            self._hold_others_on()
            batch = self._queue.receive(wait_s=1)
            empty = 0 if batch else empty + 1
            for position, held in enumerate(batch):
                stop = self._take(held)
                if stop:
                    self._queue.release(other.handle for other in batch[position + 1 :])
                    return stop
        return ""

    def report(self, stopped: str) -> Report:
        """What was done. Messages that the queue did not give are NOT_SEEN, unless the work stopped before."""
        results = list(self._results.values())
        if not stopped:
            why = "The queue did not give it: somebody else holds it, or it is gone."
            results += [Result(message_id, Fate.NOT_SEEN, why=why) for message_id in self._left()]
        return Report(tuple(results), stopped)

    def end(self, report: Report) -> None:
        """Releases what was held beside the work, and writes the outcome."""
        try:
            self._queue.release(self._others.values())
        finally:
            counts = {fate.name.lower(): report.count(fate) for fate in Fate}
            rest = [result.line() for result in report.results[self._noted :]]
            self._act.end(report.words(), rest, stopped=report.stopped, **counts)

    def _left(self) -> Collection[str]:
        return self._order.letters.keys() - self._results.keys()

    def _take(self, held: Held) -> str:
        """Works on one message, if it is one of the chosen. Returns why the work must stop, or ""."""
        message_id = held.letter.message_id
        if message_id not in self._left():
            self._others[message_id] = held.handle
            return ""
        if self._control.cancelled:
            self._others[message_id] = held.handle
            return "somebody stopped it."
        started = time.monotonic()
        result = self._done(held)
        self._results[message_id] = result
        self._note()
        so_far = Report(tuple(self._results.values()))
        done, total = len(self._results), len(self._order.letters)
        self._control.report(done, total, f"{done:,} of {total:,}: {so_far.words().removesuffix('.')}")
        if result.fate is not Fate.LEFT:
            # A message that leads nowhere tells nothing of the target.
            self._failures = self._failures + 1 if result.fate is Fate.FAILED else 0
        if self._failures >= FAILURES:
            return f"{FAILURES} failures in a row; the last one: {result.why}"
        self._control.wait(max(0.0, 1 / max(SLOWEST, self._order.per_second) - (time.monotonic() - started)))
        return ""

    def _done(self, held: Held) -> Result:
        letter = held.letter
        locations = self._order.locations.get(letter.message_id, ())
        result = self._handle(letter, locations)
        if result.fate in KEPT:
            self._others[letter.message_id] = held.handle
            return result
        try:
            self._queue.delete(held)
        except NotFound:
            # Somebody else deleted it meanwhile: what it told of is right all the same.
            return result
        except DashboardError as error:
            return Result(letter.message_id, Fate.FAILED, locations, f"{result.fate.value}, but not deleted: {error}")
        return result

    def _note(self) -> None:
        if len(self._results) - self._noted >= NOTED_AT_ONCE:
            self._act.list([result.line() for result in list(self._results.values())[self._noted :]])
            self._noted = len(self._results)

    def _hold_others_on(self) -> None:
        """Messages that are not for us must not come again and again while we look for ours."""
        if self._others and time.monotonic() - self._others_held_at > HOLD_S / 2:
            self._queue.hold_on(self._others.values())
            self._others_held_at = time.monotonic()
