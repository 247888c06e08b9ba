"""Work on dead letters: repair, deletion, publishing again. Each is an act of the audit log and can be stopped.

    round: receive ─▶ not chosen, or sent after the round began: held until its end, then released
                  └─▶ chosen: say so in the audit log ─▶ bring their keys right, with proof ─▶ delete ─▶ note
                                                            └─ no proof: the message stays; FAILURES in a row: stop
    another round, while the last one did something and something is left that may be done

A message is deleted only after the proof for every key it points at, and while it is surely still held. The work can
be killed at any step: what was not deleted is visible again after HOLD_S seconds, and doing it again changes nothing
that is right. Each round ends, however many messages come meanwhile, and there are at most ROUNDS. What the queue
counts and does not give, because somebody else holds it, is waited for up to PATIENCE_S and then reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.errors import DashboardError
from services.audit.log import Act, Audit
from services.cache.reconcile import Outcome, Reconciled, Reconciler
from services.dead_letters.holds import Held, Holds
from services.dead_letters.message import DeadLetter
from services.dead_letters.orders import Scope
from services.dead_letters.queue import DeadLetterQueue
from services.dead_letters.results import HIDDEN, KEPT, Fate, Report, Rest, Result
from services.jobs.jobs import Control

#: Failures in a row that stop the work: the target does not recover while it is hammered.
FAILURES = 5
#: The fewest letters a second that may be asked for.
SLOWEST = 0.5
#: Letters that are worked on together, at most.
GROUP = 200
#: Keys of them that are brought right together: as many may fail before a failing target is noticed.
_KEYS = 50
#: Rounds of one piece of work, at most.
ROUNDS = 5
#: Answers without anything of ours, one after the other, after which the queue has no more; a letter that is visible
#: may be missing from the answer of some of SQS's servers.
EMPTY_ANSWERS = 3
#: How long messages that somebody else holds are waited for, and SQS's count to settle after the last deletion, in s.
PATIENCE_S = 30.0
SETTLE_S = 3.0

_STOPPED = "somebody stopped it."


@dataclass(frozen=True)
class Task:
    """One message to work on, and the keys that it is about; `why` says why there are none."""

    letter: DeadLetter
    locations: tuple[str, ...]
    why: str = ""

    @property
    def message_id(self) -> str:
        """The message's id."""
        return self.letter.message_id


#: Does the work for messages, and gives the result of each in their order; what is not asked for is not done. A message
#: is deleted unless its fate is one of KEPT.
Handle = Callable[[Sequence[Task]], Iterable[Result]]


def repairing(reconciler: Reconciler) -> Handle:
    """Brings the cache to the table for every key of the messages, each key once."""

    def repair(tasks: Sequence[Task]) -> Iterator[Result]:
        done: dict[str, Reconciled] = {}
        for number, task in enumerate(tasks):
            if any(location not in done for location in task.locations):
                following = dict.fromkeys(key for each in tasks[number : number + _KEYS] for key in each.locations)
                done |= reconciler.reconcile_all([key for key in following if key not in done])
            yield _repaired(task, [done[location] for location in task.locations])
            # The first message of a key has it repaired; for the others it is right by then.
            for key in task.locations:
                if done[key].outcome is not Outcome.GAVE_UP:
                    done[key] = replace(done[key], outcome=Outcome.ALREADY_RIGHT)

    return repair


def _repaired(task: Task, done: Sequence[Reconciled]) -> Result:
    if not done:
        return Result(task.message_id, Fate.LEFT, (), task.why or "Nothing tells which key it is about.")
    failed = [each for each in done if each.outcome is Outcome.GAVE_UP]
    if failed:
        return Result(task.message_id, Fate.FAILED, task.locations, failed[0].why)
    right = all(each.outcome is Outcome.ALREADY_RIGHT for each in done)
    why = done[0].why if len(done) == 1 else ""
    return Result(task.message_id, Fate.ALREADY_RIGHT if right else Fate.REPAIRED, task.locations, why)


def deleting(tasks: Sequence[Task]) -> Iterator[Result]:
    """Lets messages be deleted as they are."""
    return (Result(task.message_id, Fate.DELETED, task.locations) for task in tasks)


def work(queue: DeadLetterQueue, audit: Audit, scope: Scope, handle: Handle, control: Control) -> Report:
    """Does the work as a job. Raises DashboardError when it cannot begin; what fails later is in the report.

    The intent is in the audit log before the first change, and each message before its own; if that cannot be written,
    nothing more is done.
    """
    with queue.work():
        about = queue.depth().total
        wanted = about if scope.named is None else len(scope.named)
        act = audit.begin(scope.act, scope.who, scope.why, messages=wanted)
        with Holds(queue) as holds:
            run = _Run(queue, act, scope, handle, control, holds, about, wanted)
            try:
                stopped = run.go()
            except DashboardError as error:
                stopped = str(error)
            report = run.report(stopped)
        return run.ended(report)


class _Run:
    """One piece of work under way."""

    def __init__(
        self,
        queue: DeadLetterQueue,
        act: Act,
        scope: Scope,
        handle: Handle,
        control: Control,
        holds: Holds,
        about: int,
        wanted: int,
    ) -> None:
        self._queue = queue
        self._act = act
        self._scope = scope
        self._handle = handle
        self._control = control
        self._holds = holds
        self._about = about
        self._wanted = wanted
        self._results: dict[str, Result] = {}
        self._others: set[str] = set()
        self._failures = 0
        #: Of the round: when it began (epoch s), what it met of what was there, what it worked on, and what came later.
        self._began = 0.0
        self._met: set[str] = set()
        self._tried: set[str] = set()
        self._later: set[str] = set()

    def go(self) -> str:
        """Works in rounds until there is no more to do. Returns why it stopped early, or ""."""
        for _ in range(ROUNDS):
            self._began, self._met, self._tried, self._later = time.time(), set(), set(), set()
            stopped = self._round()
            self._holds.release()
            changed = any(self._results[message_id].fate not in KEPT for message_id in self._tried)
            failed = any(self._results[message_id].fate is Fate.FAILED for message_id in self._tried)
            if stopped or not changed or not (failed or self._later):
                return stopped
        return ""

    def _round(self) -> str:
        """Works on what there is. Returns why it must stop, or ""."""
        size = max(1, min(GROUP, int(self._scope.per_second)))
        for chosen in self._received(size):
            for start in range(0, len(chosen), size):
                if self._control.cancelled:
                    return _STOPPED
                stop = self._take(chosen[start : start + size])
                if stop:
                    return stop
        return _STOPPED if self._control.cancelled else ""

    def _received(self, size: int) -> Iterator[list[DeadLetter]]:
        """The chosen messages of this round, held, some at a time, until the queue gives no more of them."""
        empty, patience_ends = 0, time.monotonic() + PATIENCE_S
        chosen: list[DeadLetter] = []
        while not self._control.cancelled and not self._all_seen(chosen):
            batch = self._queue.receive_many(min(size, self._about) - len(chosen), wait_s=1)
            self._holds.add(batch)
            # What comes again, or came later, is nothing new: it must not keep the round going.
            fresh = {each.letter.message_id: each.letter for each in batch if self._is_new(each)}
            mine = [letter for letter in fresh.values() if self._scope.takes(letter)]
            self._met.update(fresh)
            self._others.update(fresh.keys() - {letter.message_id for letter in mine})
            chosen += mine
            empty = 0 if fresh else empty + 1
            if len(chosen) >= size or (chosen and empty):
                yield chosen
                chosen, patience_ends = [], time.monotonic() + PATIENCE_S
            elif empty and self._no_more(empty, patience_ends):
                return
        if chosen:
            yield chosen

    def _is_new(self, held: Held) -> bool:
        """Whether it was not met in this round, and was there when that began; notes what came later."""
        letter = held.letter
        if self._scope.named is None and letter.sent_at.timestamp() > self._began:
            self._later.add(letter.message_id)
            return False
        return letter.message_id not in self._met

    def _all_seen(self, chosen: Sequence[DeadLetter]) -> bool:
        named = self._scope.named
        return named is not None and len(self._tried) + len(chosen) >= len(named)

    def _no_more(self, empty: int, patience_ends: float) -> bool:
        """Whether the queue has no more for this round, after so many answers without anything new."""
        depth = self._queue.depth()
        if depth.total <= len(self._holds):
            return True
        hidden = depth.in_flight - len(self._holds)
        if hidden > 0 and time.monotonic() < patience_ends:
            words = f"{len(self._results):,} done; about {hidden:,} are hidden: {HIDDEN}"
            self._control.report(len(self._results), max(self._wanted, len(self._results)), words)
            return False
        return empty >= EMPTY_ANSWERS

    def _take(self, letters: Sequence[DeadLetter]) -> str:
        """Works on messages that are held. Returns why the work must stop, or ""."""
        started = time.monotonic()
        pointed = self._scope.pointed(letters)
        tasks = [
            Task(letter, pointed[letter.message_id].locations, pointed[letter.message_id].why) for letter in letters
        ]
        self._act.list(
            [{"message": each.message_id, "keys": list(each.locations), "body": each.letter.body} for each in tasks]
        )
        results, failures = [], self._failures
        for result in self._handle(tasks):
            results.append(result)
            failures = _in_a_row(failures, result)
            if failures >= FAILURES:
                break
        results = self._deleted(results)
        for result in results:
            self._failures = _in_a_row(self._failures, result)
        self._tried.update(result.message_id for result in results)
        self._results.update((result.message_id, result) for result in results)
        self._act.list([result.line() for result in results])
        self._tell()
        if self._failures >= FAILURES:
            return f"{FAILURES} failures in a row; the last one: {results[-1].why}"
        pause_s = len(letters) / max(SLOWEST, self._scope.per_second) - (time.monotonic() - started)
        self._control.wait(max(0.0, pause_s))
        return ""

    def _deleted(self, results: Sequence[Result]) -> list[Result]:
        """The results, once the messages of those that are done are deleted, or are known not to be."""
        done = [result.message_id for result in results if result.fate not in KEPT]
        sure = [held for message_id in done if (held := self._holds.sure(message_id)) is not None]
        problems = dict.fromkeys(done, "its hold had ended, so it shows again")
        problems |= {held.letter.message_id: "" for held in sure} | self._queue.delete(sure)
        self._holds.forget(message_id for message_id in done if not problems[message_id])
        return [
            Result(each.message_id, Fate.FAILED, each.locations, f"{each.fate.value}, but not deleted: {why}")
            if (why := problems.get(each.message_id))
            else each
            for each in results
        ]

    def _tell(self) -> None:
        done, total = len(self._results), max(self._wanted, len(self._results))
        words = Report(tuple(self._results.values())).words().removesuffix(".")
        self._control.report(done, total, f"{done:,} of {'about ' * (self._scope.named is None)}{total:,}: {words}")

    def report(self, stopped: str) -> Report:
        """What was done. Named messages that the queue did not give are NOT_SEEN, unless the work stopped before."""
        results = list(self._results.values())
        if not stopped and self._scope.named is not None:
            why = "The queue did not give it: somebody else holds it, or it is gone."
            unseen = [message_id for message_id in self._scope.named if message_id not in self._results]
            results += [Result(message_id, Fate.NOT_SEEN, why=why) for message_id in unseen]
        return Report(tuple(results), stopped)

    def ended(self, report: Report) -> Report:
        """The report with what is left in the queue, once the outcome is in the audit log, or why it is not."""
        problems = [report.stopped] if report.stopped else []
        rest = Rest(self._about, len(self._results) + len(self._others) + len(self._later), len(self._others))
        try:
            rest = self._rest(report)
        except DashboardError as error:
            problems.append(f"What is left could not be counted: {error}")
        report = Report(report.results, " ".join(problems), rest)
        try:
            self._act.end(report.words(), [], **report.counts())
        except DashboardError as error:
            problems.append(f"The outcome is not in the audit log: {error}")
        return Report(report.results, " ".join(problems), rest)

    def _rest(self, report: Report) -> Rest:
        """What is left, by SQS's count, which may be behind for a moment."""
        later = self._later - self._results.keys()
        seen_and_there = len(self._others) + len(later) + sum(each.fate in KEPT for each in self._results.values())
        deadline = time.monotonic() + SETTLE_S
        total = self._queue.depth().total
        while total > seen_and_there and not report.stopped and time.monotonic() < deadline:
            time.sleep(0.2)
            total = self._queue.depth().total
        seen = len(self._results) + len(self._others) + len(later)
        return Rest(self._about, seen, len(self._others), len(later), max(0, total - seen_and_there))


def _in_a_row(failures: int, result: Result) -> int:
    """How many failures in a row there are with this one."""
    if result.fate is Fate.LEFT:
        # A message that leads nowhere tells nothing of the target.
        return failures
    return failures + 1 if result.fate is Fate.FAILED else 0
