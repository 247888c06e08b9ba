"""What becomes of each change in one pipe, counted by the second in which the change was made. Pure.

Everything is cheap per change and per execution; what is asked walks seconds, never changes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from services.pipes.stream_changes import Change, in_order

#: Fates that a log told of changes which the stream did not show (yet), at most.
EARLY = 20_000


class Fate(IntEnum):
    """How a change stands in one pipe."""

    WAITING = 0
    RUNNING = 1
    #: Its last attempt failed, and another may follow.
    RETRYING = 2
    DELIVERED = 3
    #: Given up after its last attempt; a dead letter if the pipe has a queue.
    GIVEN_UP = 4
    FILTERED = 5
    #: The filter looks at more than the event name, and no execution was seen.
    UNTOLD = 6
    #: The pipe went on behind it, and the log does not say what became of it.
    PASSED = 7


#: Fates from which the pipe may still come back to the change.
OPEN = (Fate.WAITING, Fate.RUNNING, Fate.RETRYING)
_SETTLED = frozenset({Fate.DELIVERED, Fate.GIVEN_UP, Fate.FILTERED})


@dataclass(frozen=True, slots=True)
class Row:
    """The changes since a moment by what became of them in one pipe. `duplicates` are delivered again, and apart.

    written = delivered + given_up + filtered + untold + in_flight + difference, always.
    """

    written: int = 0
    delivered: int = 0
    given_up: int = 0
    filtered: int = 0
    untold: int = 0
    in_flight: int = 0
    difference: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pipe's settings say of its records. `wants` tells by event name; `retries` -1 is without end."""

    wants: Callable[[str], bool | None]
    retries: int
    #: Whether only changes of the same key keep their order, as with several lanes in a shard.
    by_key: bool = False


class Fates:
    """The changes of one pipe. Sequence numbers name them; moments are epoch seconds."""

    def __init__(self) -> None:
        self._terms: Terms | None = None
        self._fates: dict[str, Fate] = {}
        self._made: dict[str, int] = {}
        self._seconds: dict[int, list[int]] = {}
        self._attempts: dict[str, int] = {}
        self._passed_at: dict[str, float] = {}
        #: By shard, or by key where lanes are several: changes that are open, in the stream's order.
        self._queues: dict[str, deque[str]] = {}
        self._places: dict[str, str] = {}
        self._early: OrderedDict[str, tuple[Fate, float]] = OrderedDict()
        self._duplicates: dict[int, int] = {}

    @property
    def ready(self) -> bool:
        """Whether the pipe's settings are known."""
        return self._terms is not None

    def agree(self, terms: Terms) -> None:
        """The settings that count for what comes from now on."""
        self._terms = terms

    def add(self, change: Change) -> None:
        """The stream shows a change. Twice is once."""
        assert self._terms is not None, "settings come before changes"
        if change.sequence in self._fates:
            return
        told, at = self._early.pop(change.sequence, (None, 0.0))
        fate = told if told is not None else self._expected(self._terms.wants(change.event_name))
        second = int(change.created_s)
        place = change.key if self._terms.by_key else change.shard
        self._fates[change.sequence], self._made[change.sequence] = fate, second
        self._counts(second)[fate] += 1
        if fate not in _SETTLED:
            self._places[change.sequence] = place
            self._queues.setdefault(place, deque()).append(change.sequence)
        elif told is not None:
            self._pass_those_before(place, change.sequence, at)

    @staticmethod
    def _expected(wants: bool | None) -> Fate:
        if wants is None:
            return Fate.UNTOLD
        return Fate.WAITING if wants else Fate.FILTERED

    def forget(self, sequence: str) -> None:
        """It is too old, or there are too many."""
        fate = self._fates.pop(sequence, None)
        if fate is None:
            return
        second = self._made.pop(sequence)
        counts = self._seconds[second]
        counts[fate] -= 1
        if not any(counts):
            del self._seconds[second]
            self._duplicates.pop(second, None)
        self._attempts.pop(sequence, None)
        self._passed_at.pop(sequence, None)
        self._tidy(self._places.pop(sequence, None))

    def is_open(self, sequence: str) -> bool:
        """Whether the pipe may still come back to it."""
        return self._fates.get(sequence) in OPEN

    def started(self, sequence: str, at: float) -> None:
        """An execution took it up, by a record of `at`."""
        if self._fates.get(sequence) is None:
            self._tell_early(sequence, Fate.RUNNING, at)
        elif self._fates[sequence] not in _SETTLED or self._fates[sequence] is Fate.FILTERED:
            self._move(sequence, Fate.RUNNING)

    def delivered(self, sequence: str, at: float) -> None:
        """An execution with it succeeded, by a record of `at`."""
        known = self._fates.get(sequence)
        if known is None:
            self._tell_early(sequence, Fate.DELIVERED, at)
        elif known is Fate.DELIVERED:
            second = self._made[sequence]
            self._duplicates[second] = self._duplicates.get(second, 0) + 1
        else:
            self._move(sequence, Fate.DELIVERED)
        self._pass_those_before(self._places.get(sequence), sequence, at)

    def failed(self, sequence: str, at: float) -> None:
        """An execution with it ended in failure, by a record of `at`; whether it comes again is for the settings."""
        if self._fates.get(sequence) in (Fate.DELIVERED, Fate.GIVEN_UP):
            return
        attempts = self._attempts.get(sequence, 0) + 1
        self._attempts[sequence] = attempts
        fate = Fate.RETRYING
        if self._terms is None or 0 <= self._terms.retries < attempts:
            fate = Fate.GIVEN_UP
            self._attempts.pop(sequence, None)
        if sequence in self._fates:
            self._move(sequence, fate)
        else:
            self._tell_early(sequence, fate, at)
        self._pass_those_before(self._places.get(sequence), sequence, at)

    def row(self, since: float, horizon: float) -> Row:
        """The changes made since a moment. What was passed after `horizon` counts as in flight: the log may be late."""
        first = int(since)
        sums = [0] * len(Fate)
        for second, counts in self._seconds.items():
            if second >= first:
                sums = [total + count for total, count in zip(sums, counts, strict=True)]
        late = sum(at > horizon and self._made[passed] >= first for passed, at in self._passed_at.items())
        return Row(
            written=sum(sums),
            delivered=sums[Fate.DELIVERED],
            given_up=sums[Fate.GIVEN_UP],
            filtered=sums[Fate.FILTERED],
            untold=sums[Fate.UNTOLD],
            in_flight=sum(sums[fate] for fate in OPEN) + late,
            difference=sums[Fate.PASSED] - late,
            duplicates=sum(count for second, count in self._duplicates.items() if second >= first),
        )

    def waiting(self, horizon: float) -> tuple[int, float | None]:
        """How many changes made before `horizon` the pipe has still to handle, and the second of the oldest."""
        count, oldest = 0, None
        for second, counts in self._seconds.items():
            here = sum(counts[fate] for fate in OPEN)
            if here and second < horizon:
                count += here
                oldest = second if oldest is None else min(oldest, second)
        return count, None if oldest is None else float(oldest)

    def _counts(self, second: int) -> list[int]:
        return self._seconds.setdefault(second, [0] * len(Fate))

    def _move(self, sequence: str, fate: Fate) -> None:
        counts = self._counts(self._made[sequence])
        counts[self._fates[sequence]] -= 1
        counts[fate] += 1
        self._fates[sequence] = fate
        self._passed_at.pop(sequence, None)

    def _tell_early(self, sequence: str, fate: Fate, at: float) -> None:
        told, _ = self._early.get(sequence, (None, 0.0))
        if told not in (Fate.DELIVERED, Fate.GIVEN_UP) or fate is Fate.DELIVERED:
            self._early[sequence] = (fate, at)
        while len(self._early) > EARLY:
            self._attempts.pop(self._early.popitem(last=False)[0], None)

    def _pass_those_before(self, place: str | None, sequence: str, at: float) -> None:
        """A pipe takes the changes of a place in their order: those before one that ended are over, too."""
        queue = self._queues.get(place) if place is not None else None
        while queue and in_order(queue[0]) < in_order(sequence):
            self._pass(queue.popleft(), at)
        self._tidy(place)

    def _pass(self, sequence: str, at: float) -> None:
        fate = self._fates.get(sequence)
        if fate is Fate.RETRYING:
            self._move(sequence, Fate.GIVEN_UP)
        elif fate is Fate.UNTOLD:
            self._move(sequence, Fate.FILTERED)
        elif fate in (Fate.WAITING, Fate.RUNNING):
            self._move(sequence, Fate.PASSED)
            self._passed_at[sequence] = at

    def _tidy(self, place: str | None) -> None:
        """Lets go of the head of a queue as far as it is settled or forgotten, and of an empty one."""
        queue = self._queues.get(place) if place is not None else None
        if queue is None or place is None:
            return
        while queue and self._fates.get(queue[0], Fate.FILTERED) in _SETTLED:
            self._places.pop(queue.popleft(), None)
        if not queue:
            del self._queues[place]
