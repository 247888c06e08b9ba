"""Where things stand now for what dead letters tell of: nothing to do, repairable, not now, or nobody can tell. Pure.

    ALREADY_RIGHT    every key it points at is in the cache as in the table: a later change came through, or a repair
    REPAIRABLE       for at least one key the cache is to be put or deleted
    NEEDS_ATTENTION  the cache or the table cannot be read or written now, or the pipe's newest execution failed as well
    UNKNOWN          the stream has forgotten the record, and nothing else tells its key
    NOT_READ         one of so many letters that its key was not read

A letter of the topic-publish pipe tells of an event that no subscriber got. Its key is judged like the others; the
event itself is lost unless somebody publishes it again, which is a choice of its own (DESIGN decision 9).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from core import names
from services.cache.reconcile import Step
from services.dead_letters.failure_cause import Cause, Join
from services.dead_letters.message import DeadLetter
from services.dead_letters.stream_records import Hydrated, Recovery


class Standing(Enum):
    """The class of a letter, by the state of what it points at."""

    ALREADY_RIGHT = "already right"
    REPAIRABLE = "repairable"
    NEEDS_ATTENTION = "needs attention"
    UNKNOWN = "unknown"
    #: Too many letters to read the keys of all of them.
    NOT_READ = "not read yet"


@dataclass(frozen=True)
class KeyState:
    """Both sides of one key at one moment, and what a repair would do to the cache; `problem` when unreadable."""

    location: str
    item: Mapping[str, str] | None = None
    cached: bytes | None = None
    step: Step = Step.NOTHING
    problem: str = ""


NO_CAUSE = Cause()
NOT_HYDRATED = Hydrated(Recovery.UNREADABLE, problem="Not read yet.")


@dataclass(frozen=True)
class Case:
    """One letter with what is known of its keys, its standing, and why."""

    letter: DeadLetter
    keys: tuple[KeyState, ...]
    standing: Standing
    why: str
    cause: Cause = NO_CAUSE
    hydrated: Hydrated = NOT_HYDRATED

    @property
    def locations(self) -> tuple[str, ...]:
        """The keys that it is about."""
        return tuple(key.location for key in self.keys)

    @property
    def event_names(self) -> tuple[str, ...]:
        """What happened to the records that it points at, each once."""
        return tuple(dict.fromkeys(record.event_name for record in self.hydrated.records))

    @property
    def event_lost(self) -> bool:
        """Whether it tells of a topic event that was not published."""
        return self.letter.pipe == names.pipe(names.TOPIC_PUBLISH)


def waiting(letter: DeadLetter) -> Case:
    """The case of a letter that was only just seen."""
    return Case(letter, (), Standing.NOT_READ, "Its record and key are being read.", Cause(Join.NOT_READ))


def judge(
    letter: DeadLetter,
    keys: Sequence[KeyState],
    why_no_keys: str,
    pipe_fails: str,
    cause: Cause = NO_CAUSE,
    hydrated: Hydrated = NOT_HYDRATED,
) -> Case:
    """The case of a letter. `pipe_fails` is the error of its pipe's newest execution, "" when that succeeded."""
    standing, why = _standing(keys, why_no_keys, pipe_fails)
    return Case(letter, tuple(keys), standing, why, cause, hydrated)


def _standing(keys: Sequence[KeyState], why_no_keys: str, pipe_fails: str) -> tuple[Standing, str]:
    if not keys:
        return Standing.UNKNOWN, why_no_keys
    problem = next((key.problem for key in keys if key.problem), "")
    if problem:
        return Standing.NEEDS_ATTENTION, problem
    if all(key.step is Step.NOTHING for key in keys):
        return Standing.ALREADY_RIGHT, "The cache says what the table says."
    if pipe_fails:
        return Standing.NEEDS_ATTENTION, f"The pipe's newest execution failed as well: {pipe_fails}"
    return Standing.REPAIRABLE, _todo(keys)


def _todo(keys: Sequence[KeyState]) -> str:
    words = {Step.PUT: "is to be put into the cache", Step.DELETE: "is to be deleted from the cache"}
    steps = Counter(key.step for key in keys)
    if len(keys) == 1:
        return f"The key {words[keys[0].step]}."
    parts = [f"{steps[step]} of {len(keys)} keys: {what}" for step, what in words.items() if steps[step]]
    return "; ".join(parts) + "."


@dataclass(frozen=True)
class Plan:
    """What a repair of some letters would do: keys are counted once, however many letters point at them."""

    letters: int
    keys: int
    put: int
    deleted: int
    already_right: int
    unreadable: int
    without_key: int
    events_lost: int

    def words(self) -> str:
        """The plan in a sentence, such as "312 keys: 280 put, 20 deleted, 12 already right"."""
        parts = [f"{self.put:,} to put", f"{self.deleted:,} to delete", f"{self.already_right:,} already right"]
        if self.unreadable:
            parts.append(f"{self.unreadable:,} that cannot be read now")
        keys = "1 key" if self.keys == 1 else f"{self.keys:,} keys"
        return f"{keys}: {', '.join(parts)}."


def plan(cases: Iterable[Case]) -> Plan:
    """What repairing these would do."""
    cases = list(cases)
    keys = {key.location: key for case in cases for key in case.keys}
    steps = Counter("unreadable" if key.problem else key.step.value for key in keys.values())
    return Plan(
        letters=len(cases),
        keys=len(keys),
        put=steps[Step.PUT.value],
        deleted=steps[Step.DELETE.value],
        already_right=steps[Step.NOTHING.value],
        unreadable=steps["unreadable"],
        without_key=sum(not case.keys for case in cases),
        events_lost=sum(case.event_lost for case in cases),
    )
