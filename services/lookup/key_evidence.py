"""What is known of keys besides their two sides: changes, deliveries and dead letters, from what is read anyway.

topic events ──────────┐
the pipes' executions ─┼─▶ KeyFacts ─▶ Knowledge of one key (services/cache/agreement.py judges by it)
dead letters ──────────┘      a letter is joined to its key by the sequence number in the log's payload
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core import names
from core.errors import DashboardError
from services.cache.agreement import Delivery, Knowledge, Letter
from services.dead_letters.message import DeadLetter
from services.dead_letters.monitor import LetterReader
from services.jobs.cached_read import Shared
from services.logs.executions import Execution, Outcome
from services.logs.queries import LogQuery
from services.logs.tail import LogView
from services.topic.events import TopicEvent
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState

#: Topic events, and executions, that are looked through: the newest.
EVENTS = 20_000
EXECUTIONS = 20_000
#: An execution without an end counts as under way for as long, in seconds; then its end was not logged.
RUNNING_S = 60.0
#: A change that the topic told of belongs to an execution that ended at most so much earlier, in seconds.
SAME_CHANGE_S = 2.0

_CACHE_FLOWS = (names.CACHE_PUT, names.CACHE_DELETE)
_DELIVERIES = {
    Outcome.SUCCEEDED: Delivery.DELIVERED,
    Outcome.FAILED: Delivery.FAILED,
    Outcome.HOLDING: Delivery.HOLDING,
    Outcome.RUNNING: Delivery.RUNNING,
}


@dataclass(frozen=True)
class KeyFacts:
    """What is known of all keys at `read_at` (epoch seconds). `problems` says in words what could not be read.

    `told_at` is when the topic told of a key last, `removed` the keys of which it told last that they were deleted, or
    for which cache-delete ran.
    """

    read_at: float
    told_at: Mapping[str, float] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    executions: Mapping[tuple[str, str], Execution] = field(default_factory=dict)
    letters: frozenset[tuple[str, str]] = frozenset()
    unknown_letters: frozenset[str] = frozenset()
    known_since: float | None = None
    problems: tuple[str, ...] = ()

    @property
    def locations(self) -> frozenset[str]:
        """Every key that an event or an execution named."""
        return frozenset(self.told_at) | {location for _, location in self.executions}

    def of(self, location: str, in_table: bool) -> Knowledge:
        """What is known of one key; which pipe counts depends on whether the table has it."""
        flow = names.CACHE_PUT if in_table else names.CACHE_DELETE
        execution = self.executions.get((flow, location))
        other = self.executions.get((names.CACHE_DELETE if in_table else names.CACHE_PUT, location))
        told_at = self.told_at.get(location)
        delivery = self._delivery(execution, told_at)
        started = [found.started_ms / 1000 for each in _CACHE_FLOWS if (found := self.executions.get((each, location)))]
        moments = [*started, *([told_at] if told_at is not None else [])]
        return Knowledge(
            changed_at=max(moments, default=None),
            delivery=delivery,
            delivery_at=execution.last_ms / 1000 if execution and delivery else None,
            other_at=other.last_ms / 1000 if other and other.outcome is Outcome.SUCCEEDED else None,
            error=execution.error if execution and delivery else "",
            letter=self._letter(flow, location, delivery),
            known_since=self.known_since,
        )

    def _delivery(self, execution: Execution | None, told_at: float | None) -> Delivery | None:
        if execution is None:
            return None
        last = execution.last_ms / 1000
        if told_at is not None and told_at > last + SAME_CHANGE_S:
            # The log is behind the topic: it does not tell yet of the change that counts.
            return None
        if execution.outcome is Outcome.RUNNING and self.read_at - last > RUNNING_S:
            return None
        return _DELIVERIES[execution.outcome]

    def _letter(self, flow: str, location: str, delivery: Delivery | None) -> Letter:
        if delivery is Delivery.DELIVERED:
            return Letter.NONE
        if (flow, location) in self.letters:
            return Letter.POINTS_AT_IT
        return Letter.MAY_BE if flow in self.unknown_letters else Letter.NONE


class FactsReader:
    """Reads the facts from what all viewers share. Adds no AWS call to what the pages make."""

    def __init__(self, feed: TopicFeed, log: Shared[LogView], letters: LetterReader) -> None:
        self._feed = feed
        self._log = log
        self._letters = letters

    def read(self) -> KeyFacts:
        """The facts now. Never raises a DashboardError: what cannot be read is among the problems."""
        now, problems = time.time(), []
        executions: tuple[Execution, ...] = ()
        location_of: Mapping[str, str] = {}
        letters: tuple[DeadLetter, ...] = ()
        log_since: float | None = None
        try:
            letters = self._letters().value.letters
        except DashboardError as error:
            problems.append(str(error))
        try:
            view = self._log.get().value
            executions = view.store.executions(LogQuery(), EXECUTIONS)
            location_of = view.store.locations_of([letter.first_sequence_number for letter in letters])
            log_since = _log_since(view, executions)
        except DashboardError as error:
            problems.append(str(error))
        events = self._feed.snapshot(EVENTS).events
        since = [each for each in (log_since, self._feed_since(events)) if each is not None]
        return facts(now, events, executions, location_of, letters, min(since, default=None), tuple(problems))

    def _feed_since(self, events: tuple[TopicEvent, ...]) -> float | None:
        """Since when the topic missed nothing; None while it may have."""
        status = self._feed.status()
        if status.state is not FeedState.LIVE or status.missed:
            return None
        return max(status.since, events[0].received_at) if len(events) >= EVENTS else status.since


def facts(
    now: float,
    events: Iterable[TopicEvent],
    executions: Iterable[Execution],
    location_of: Mapping[str, str],
    letters: Iterable[DeadLetter],
    known_since: float | None = None,
    problems: tuple[str, ...] = (),
) -> KeyFacts:
    """The facts in what was read. Pure. Events come oldest first, executions newest first.

    `location_of` is by sequence number.
    """
    known, unknown = set(), set()
    for letter in letters:
        flow = names.FLOW_OF.get(letter.pipe, "")
        location = location_of.get(letter.first_sequence_number) if letter.batch_size == 1 else None
        if location is None:
            unknown.add(flow)
        else:
            known.add((flow, location))
    told = {event.location: event for event in events if event.location}
    newest = _newest(executions)
    return KeyFacts(
        read_at=now,
        told_at={location: event.received_at for location, event in told.items()},
        removed=frozenset(location for location, event in told.items() if event.event_type == "REMOVE")
        | {location for flow, location in newest if flow == names.CACHE_DELETE},
        executions=newest,
        letters=frozenset(known),
        unknown_letters=frozenset(unknown),
        known_since=known_since,
        problems=problems,
    )


def _newest(executions: Iterable[Execution]) -> dict[tuple[str, str], Execution]:
    """The execution that started last, by flow and location; they come the newest first."""
    found: dict[tuple[str, str], Execution] = {}
    for execution in executions:
        flow = names.FLOW_OF.get(execution.pipe, "")
        if flow in _CACHE_FLOWS and execution.location:
            found.setdefault((flow, execution.location), execution)
    return found


def _log_since(view: LogView, executions: Sequence[Execution]) -> float | None:
    """Since when the log tells of every delivery into the cache; None when it names no record."""
    puts = [execution for execution in executions if execution.pipe == names.pipe(names.CACHE_PUT)]
    if not puts or not all(execution.location for execution in puts):
        return None
    oldest_ms = executions[-1].started_ms if len(executions) >= EXECUTIONS else 0
    return max(view.state.complete_from_ms, oldest_ms) / 1000
