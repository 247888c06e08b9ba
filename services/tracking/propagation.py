"""What followed a write: the steps of its way, each in ms since the write was sent. Pure.

Three clocks tell of it. What this machine sees, it times itself: the acknowledgement, the topic event, the cache. The
pipes' steps have the times of their log records, and the stream record has DynamoDB's, in whole seconds; both are
compared with this machine's clock as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from core import names
from services.cache.agreement import same
from services.logs.executions import Outcome
from services.topic.events import TopicEvent
from services.tracking.pipe_step import Leg, image_mark
from services.weather.table import Write, plain

#: How long the steps are looked for, in seconds: CloudWatch has a pipe's records after a minute or more.
PATIENCE_S = 180.0
#: A step that has not come after so many seconds is late: worth saying what to look at.
LATE_S = 5.0
#: How far the log's clock may be behind this machine's, in ms, for a record to count as one of this write.
SKEW_MS = 2_000

#: The flows that a change goes through.
_FLOWS = {
    "INSERT": (names.CACHE_PUT, names.TOPIC_PUBLISH),
    "MODIFY": (names.CACHE_PUT, names.TOPIC_PUBLISH),
    "REMOVE": (names.CACHE_DELETE, names.TOPIC_PUBLISH),
}


class Clock(Enum):
    """Whose clock a time is from."""

    OURS = "this machine"
    STREAM = "DynamoDB, whole seconds"
    LOG = "the pipes' log"


class StepState(Enum):
    """How a step stands."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"
    #: It did not come within PATIENCE_S, or nobody looks for it any more.
    MISSING = "did not come"


@dataclass(frozen=True)
class Step:
    """One step. `ms` since the write was sent, None while it has not come; `flow` for a step of a pipe."""

    id: str
    words: str
    clock: Clock
    state: StepState
    ms: float | None = None
    flow: str = ""


@dataclass(frozen=True)
class Propagation:
    """What is known of one write's way so far. `topic_ms` and `cache_ms` are in ms since the write was sent.

    `expected` is false when the write changed nothing: DynamoDB then leaves no stream record, and no step follows.
    `ended` says that nobody looks any more; `problems` why a side could not be looked at, if it could not.
    """

    write: Write
    expected: bool
    topic_ms: float | None = None
    cache_ms: float | None = None
    legs: tuple[Leg, ...] = ()
    waited_s: float = 0.0
    ended: bool = False
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it has come where it was to come: to the topic and to the cache."""
        return not self.expected or (self.topic_ms is not None and self.cache_ms is not None)

    @property
    def settled(self) -> bool:
        """Whether it is complete, and the log has told the end of every pipe's execution."""
        return self.complete and all(
            found is not None and found.outcome is Outcome.SUCCEEDED
            for found in (leg_of(self, flow) for flow in flows(self))
        )

    @property
    def late(self) -> bool:
        """Whether a step has not come although there was time."""
        return not self.settled and (self.ended or self.waited_s >= LATE_S)


def begun(write: Write) -> Propagation:
    """What is known when DynamoDB has just acknowledged the write."""
    return Propagation(write, expected=bool(write.kind), ended=not write.kind)


def flows(way: Propagation) -> tuple[str, ...]:
    """The flows that the write goes through."""
    return _FLOWS.get(way.write.kind, ())


def leg_of(way: Propagation, flow: str) -> Leg | None:
    """The execution of one flow's pipe for this write, if the log has told of it."""
    return next((found for found in way.legs if found.pipe == names.pipe(flow)), None)


def tells_of(event: TopicEvent, write: Write) -> bool:
    """Whether a topic event is that of the write."""
    if event.location != write.location or event.event_type != write.kind:
        return False
    record = write.record
    return record is None or (event.max_temp == float(record.max_temp) and event.min_temp == float(record.min_temp))


def arrived(write: Write, cached: bytes | None) -> bool:
    """Whether the cache's value, None for none, is what the write makes of it."""
    record = write.record
    if record is None:
        return cached is None
    return cached is not None and same(plain(record.item()), cached)


def legs_of(write: Write, newest_first: Iterable[Leg]) -> tuple[Leg, ...]:
    """The executions of the write's stream record: one sequence number, and one execution for each pipe.

    The log does not name the write; location, event name and the new image's numbers do. Of several such records it
    is the first one that began after the write was sent.
    """
    sent_ms = write.sent_at * 1000
    mark = image_mark(write.record.item()) if write.record else 0
    by_record: dict[str, list[Leg]] = {}
    for leg in newest_first:
        if leg.started_ms < sent_ms - SKEW_MS:
            break
        same_change = leg.location == write.location and leg.event_name == write.kind
        if same_change and leg.sequence_number and (not mark or leg.image == mark):
            by_record.setdefault(leg.sequence_number, []).append(leg)
    if not by_record:
        return ()
    begins = {number: min(one.started_ms for one in found) for number, found in by_record.items()}
    after = [number for number, began in begins.items() if began >= int(sent_ms)]
    chosen = min(after, key=begins.__getitem__) if after else max(begins, key=begins.__getitem__)
    return tuple(by_record[chosen])


def steps(way: Propagation) -> tuple[Step, ...]:
    """The steps that the write was to take, in the order of the pipeline."""
    acknowledged = Step(
        "acknowledged", "DynamoDB acknowledged the write", Clock.OURS, StepState.DONE, way.write.acknowledged_ms
    )
    if not way.expected:
        return (acknowledged,)
    pipes = [step for flow in flows(way) for step in _pipe_steps(way, flow)]
    cache = "Cache item removed" if way.write.kind == "REMOVE" else "Cache item readable"
    return (
        acknowledged,
        _stream_step(way),
        *pipes,
        _seen(way, "topic", "Topic event received", way.topic_ms),
        _seen(way, "cache", cache, way.cache_ms),
    )


def _seen(way: Propagation, step: str, words: str, ms: float | None) -> Step:
    return Step(step, words, Clock.OURS, StepState.DONE if ms is not None else _absent(way), ms)


def _absent(way: Propagation) -> StepState:
    return StepState.MISSING if way.ended else StepState.WAITING


def _stream_step(way: Propagation) -> Step:
    created_s = next((found.created_s for found in way.legs if found.created_s), 0)
    if not created_s:
        return Step("stream", "Stream record written", Clock.STREAM, _absent(way))
    # The whole second may have begun before the write was sent.
    ms = max(0.0, created_s * 1000 - way.write.sent_at * 1000)
    return Step("stream", "Stream record written", Clock.STREAM, StepState.DONE, ms)


def _pipe_steps(way: Propagation, flow: str) -> tuple[Step, ...]:
    found = leg_of(way, flow)
    since = way.write.sent_at * 1000
    started = target = ended = None
    last = _absent(way)
    if found is not None:
        started = max(0.0, found.started_ms - since)
        target = max(0.0, found.target_ms - since) if found.target_ms else None
        if found.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            ended = max(0.0, found.last_ms - since)
            last = StepState.DONE if found.outcome is Outcome.SUCCEEDED else StepState.FAILED
    words = f"{flow} failed" if last is StepState.FAILED else f"{flow} succeeded"
    return (
        _logged(way, flow, "started", f"{flow} started", started),
        _logged(way, flow, "target", f"{flow} called its target", target),
        Step(f"{flow} ended", words, Clock.LOG, last, ended, flow),
    )


def _logged(way: Propagation, flow: str, name: str, words: str, ms: float | None) -> Step:
    state = StepState.DONE if ms is not None else _absent(way)
    return Step(f"{flow} {name}", words, Clock.LOG, state, ms, flow)


@dataclass(frozen=True)
class Typical:
    """How long a step took among `count` writes, in ms: the median, and what 95 of 100 stay below."""

    p50_ms: float
    p95_ms: float
    count: int


def typical(ways: Sequence[Propagation]) -> dict[str, Typical]:
    """Step id -> how long it took, for every step that came at least once. The stream's whole seconds are left out."""
    taken: dict[str, list[float]] = {}
    for way in ways:
        for step in steps(way):
            if step.ms is not None and step.state is StepState.DONE and step.clock is not Clock.STREAM:
                taken.setdefault(step.id, []).append(step.ms)
    return {step_id: typical_of(values) for step_id, values in taken.items()}


def typical_of(values: Sequence[float]) -> Typical:
    """How long they took; there is at least one."""
    ordered = sorted(values)
    return Typical(_rank(ordered, 0.50), _rank(ordered, 0.95), len(ordered))


def _rank(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value that at least this share of all are not above."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
