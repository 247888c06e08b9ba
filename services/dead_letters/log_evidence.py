"""What the pipes' log tells of dead letters: their causes, the keys of their records, and pipes that still fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core import names
from core.errors import DashboardError
from core.text import short
from services.dead_letters.failure_cause import NEAR_MS, Cause, causes, failed_at_ms
from services.dead_letters.message import DeadLetter
from services.logs.executions import Execution, Outcome
from services.logs.queries import LogQuery
from services.logs.store import LogStore
from services.logs.tail import LogTail, LogView

#: A pipe whose newest execution ended in a failure within so many seconds counts as failing now.
FAILING_S = 15
#: The log is asked for from so much before the oldest letter on, in ms: the execution began before it failed.
MARGIN_MS = 5 * 60_000
#: Failed executions of each pipe that causes by time are looked for among.
_FAILED = 2_000


@dataclass(frozen=True)
class Evidence:
    """What the log tells of some letters; `problem` says in words why it could not be asked, if it could not.

    `causes` are by message id, `locations` by sequence number, and `failing` has the error of each pipe that fails now.
    """

    causes: Mapping[str, Cause] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


#: Gathers the evidence on some letters. Never raises a DashboardError.
Witness = Callable[[Sequence[DeadLetter]], Evidence]


def from_log(tail: LogTail, read: Callable[[], LogView]) -> Witness:
    """A witness that asks the log that `read` gives, and has `tail` keep it back to the oldest letter, 24 h at most."""

    def gather(letters: Sequence[DeadLetter]) -> Evidence:
        failed_ms = [failed_at_ms(letter) for letter in letters if letter.pipe]
        if failed_ms:
            tail.ask_for(int(time.time() * 1000) - min(failed_ms) + MARGIN_MS)
        try:
            view = read()
            read_back_to_ms = view.state.complete_from_ms if view.state.reading_back else 0
            return Evidence(
                _causes(view.store, letters, read_back_to_ms),
                view.store.locations_of(sorted(_numbers(letters))),
                _failing(view.store),
            )
        except DashboardError as error:
            return Evidence(problem=str(error))

    return gather


def _numbers(letters: Sequence[DeadLetter], pipe: str | None = None) -> set[str]:
    return {
        number
        for letter in letters
        if pipe in (None, letter.pipe)
        for number in (letter.first_sequence_number, letter.last_sequence_number)
        if number
    }


def _causes(store: LogStore, letters: Sequence[DeadLetter], read_back_to_ms: int) -> dict[str, Cause]:
    pipes = {letter.pipe for letter in letters} & set(names.PIPES)
    by_number: dict[tuple[str, str], Execution] = {}
    failed: dict[str, tuple[Execution, ...]] = {}
    for pipe in pipes:
        found = store.executions_of(pipe, sorted(_numbers(letters, pipe)))
        by_number.update(((pipe, number), execution) for number, execution in found.items())
        # Where every letter is explained by its number, nobody needs the others.
        left = [each for each in letters if each.pipe == pipe and each.first_sequence_number not in found]
        failed[pipe] = _failed_near(store, pipe, left)
    ids = {execution.execution_id for group in failed.values() for execution in group}
    ids |= {execution.execution_id for execution in by_number.values()}
    return causes(letters, by_number, failed, store.message_types_of(sorted(ids)), read_back_to_ms)


def _failed_near(store: LogStore, pipe: str, letters: Sequence[DeadLetter]) -> tuple[Execution, ...]:
    if not letters:
        return ()
    moments = [failed_at_ms(letter) for letter in letters]
    query = LogQuery(max(0, min(moments) - NEAR_MS), max(moments) + NEAR_MS, pipe, Outcome.FAILED)
    return store.executions(query, _FAILED)


def _failing(store: LogStore) -> dict[str, str]:
    """The last error of each pipe that failed within FAILING_S and did not succeed since."""
    tallies = store.tallies(int((time.time() - FAILING_S) * 1000))
    return {
        pipe: short(tally.last_error) or "no error was logged"
        for pipe, tally in tallies.items()
        if tally.last_failure_ms > tally.last_success_ms or (tally.holding and not tally.last_success_ms)
    }
