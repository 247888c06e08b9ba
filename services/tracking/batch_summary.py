"""What followed the rows of a job that wrote or deleted many: how many came where, how fast, and which did not. Pure.

Times are in ms since the transaction of a row was sent, all of this machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.tracking.propagation import LATE_S, Propagation, Typical, typical_of

#: Rows that did not arrive and are named, the first ones.
NAMED = 20


@dataclass(frozen=True)
class BatchStep:
    """How many rows have taken a step, of how many that are to; `usual` is how long those took that were timed."""

    words: str
    done: int
    expected: int
    usual: Typical | None


@dataclass(frozen=True)
class BatchWay:
    """What is known of the rows so far. `late` counts those that have not come everywhere although there was time;
    `named` are the first of them. `ended` says that nobody looks any more, `problem` why the cache cannot be looked at.
    """

    steps: tuple[BatchStep, ...] = ()
    late: int = 0
    named: tuple[Propagation, ...] = ()
    ended: bool = False
    problem: str = ""

    @property
    def begun(self) -> bool:
        """Whether any row was acknowledged."""
        return bool(self.steps and self.steps[0].done)


def summary(
    rows: Iterable[Propagation], timed: frozenset[str], now: float, *, ended: bool, problem: str = ""
) -> BatchWay:
    """What is known of these acknowledged rows at the epoch second `now`.

    The cache was looked at closely enough to time it only for the locations in `timed`.
    """
    acknowledged = list(rows)
    expected = [way for way in acknowledged if way.expected]
    late = [way for way in expected if is_late(way, now, ended=ended)]
    gone = bool(expected) and all(way.write.record is None for way in expected)
    return BatchWay(
        steps=(
            _step("DynamoDB acknowledged the write", [way.write.acknowledged_ms for way in acknowledged]),
            _step("Topic event received", [way.topic_ms for way in expected]),
            BatchStep(
                "Cache item removed" if gone else "Cache item readable",
                sum(way.cache_ms is not None for way in expected),
                len(expected),
                _usual(way.cache_ms for way in expected if way.write.location in timed),
            ),
        ),
        late=len(late),
        named=tuple(replace(way, waited_s=now - way.write.sent_at, ended=ended) for way in late[:NAMED]),
        ended=ended,
        problem=problem,
    )


def is_late(way: Propagation, now: float, *, ended: bool) -> bool:
    """Whether a row has not come everywhere although there was time."""
    return not way.complete and (ended or now - way.write.sent_at >= LATE_S)


def _step(words: str, taken_ms: Sequence[float | None]) -> BatchStep:
    return BatchStep(words, sum(ms is not None for ms in taken_ms), len(taken_ms), _usual(taken_ms))


def _usual(taken_ms: Iterable[float | None]) -> Typical | None:
    known = [ms for ms in taken_ms if ms is not None]
    return typical_of(known) if known else None
