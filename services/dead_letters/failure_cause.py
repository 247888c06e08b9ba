"""Why a dead letter is there: the failed execution that the pipes' log tells of. Pure.

a failed execution of the same pipe that began with the letter's sequence number     that is it
else the failed execution of the same pipe that ended nearest to the letter's time   probably that one
else                                                                                 no log found
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from services.dead_letters.message import DeadLetter
from services.logs.error_signature import signature
from services.logs.executions import Execution, Outcome

#: An execution that ended further from a letter's time than this is not its cause, in milliseconds.
NEAR_MS = 3_000

#: What the log calls a failure -> the stage, the one that tells most first.
_STAGES = {
    "EnrichmentInvocationFailed": "enrichment call",
    "EnrichmentTransformationFailed": "enrichment transformation",
    "TargetTransformationFailed": "target transformation",
    "TargetInvocationFailed": "target call",
    "TargetInvocationPartiallyFailed": "target call",
    "EnrichmentStageFailed": "enrichment stage",
    "TargetStageFailed": "target stage",
    "TargetStagePartiallyFailed": "target stage",
    "ExecutionTimeout": "execution, timed out",
    "ExecutionFailed": "execution",
    "ExecutionPartiallyFailed": "execution",
}
_FAILED = frozenset({Outcome.FAILED, Outcome.HOLDING})


class Join(Enum):
    """How a cause was found."""

    BY_NUMBER = "by sequence number"
    BY_TIME = "probably, by time"
    NOT_FOUND = "not found"
    NOT_READ = "not read yet"


#: The cause of a letter that no log tells of.
NO_LOG = "no log found"
#: The same, while the log of its time is still being read.
LOG_NOT_READ = "the log of its time is still being read"
_WITHOUT = {Join.NOT_FOUND: NO_LOG, Join.NOT_READ: LOG_NOT_READ}


@dataclass(frozen=True)
class Cause:
    """The execution that failed: its stage, HTTP status and error as far as the log tells."""

    join: Join = Join.NOT_FOUND
    execution_id: str = ""
    stage: str = ""
    status: int | None = None
    error: str = ""

    @property
    def kind(self) -> str:
        """What causes that are alike have in common: the error without ids, times and numbers."""
        if self.join in _WITHOUT:
            return _WITHOUT[self.join]
        return signature(self.error, self.status) or f"failed in the {self.stage or 'execution'}, without an error"

    @property
    def words(self) -> str:
        """The cause in a line; may quote AWS or the target."""
        if self.join in _WITHOUT:
            return _WITHOUT[self.join]
        error = f"HTTP {self.status}: {self.error}".removesuffix(": ") if self.status is not None else self.error
        return f"{'probably ' if self.join is Join.BY_TIME else ''}{error or self.kind}"


def failed_at_ms(letter: DeadLetter) -> int:
    """When the letter says that it was given up, in epoch ms; when it was sent, if it does not say."""
    try:
        at = datetime.fromisoformat(letter.failed_at)
    except ValueError:
        at = letter.sent_at
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def stage_of(message_types: Collection[str]) -> str:
    """In which stage an execution with these records failed, "" when none of them tells."""
    return next((stage for name, stage in _STAGES.items() if name in message_types), "")


def causes(
    letters: Iterable[DeadLetter],
    by_number: Mapping[tuple[str, str], Execution],
    failed: Mapping[str, Sequence[Execution]],
    message_types: Mapping[str, Collection[str]],
    read_back_to_ms: int = 0,
) -> dict[str, Cause]:
    """The cause of each letter, by message id.

    `by_number` has executions by pipe and sequence number, `failed` each pipe's failed ones, and `message_types` what
    the log has of each, by execution id. Before `read_back_to_ms` the log was not read yet.
    """
    found = {}
    for letter in letters:
        join, execution = _execution_of(letter, by_number, failed.get(letter.pipe, ()))
        if execution is None:
            not_read = letter.pipe and failed_at_ms(letter) < read_back_to_ms
            found[letter.message_id] = Cause(Join.NOT_READ if not_read else Join.NOT_FOUND)
        else:
            stage = stage_of(message_types.get(execution.execution_id, ()))
            found[letter.message_id] = Cause(join, execution.execution_id, stage, execution.status, execution.error)
    return found


def _execution_of(
    letter: DeadLetter, by_number: Mapping[tuple[str, str], Execution], failed: Sequence[Execution]
) -> tuple[Join, Execution | None]:
    for number in (letter.first_sequence_number, letter.last_sequence_number):
        execution = by_number.get((letter.pipe, number))
        if execution is not None and execution.outcome in _FAILED:
            return Join.BY_NUMBER, execution
    at_ms = failed_at_ms(letter)
    # One that names another record is the cause of another letter.
    free = [each for each in failed if not each.sequence_number and abs(each.last_ms - at_ms) <= NEAR_MS]
    nearest = min(free, key=lambda execution: abs(execution.last_ms - at_ms), default=None)
    return (Join.BY_TIME, nearest) if nearest is not None and letter.pipe else (Join.NOT_FOUND, None)
