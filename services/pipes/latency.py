"""How long the stages of executions take: samples kept for a while, and their percentiles over time. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from math import ceil

#: Samples kept of one pipe.
SAMPLES = 20_000
#: Spans of time that a chart of percentiles has at most.
SPANS = 60
_PERCENTS = (50, 90, 99)


class Stage(Enum):
    """A part of a change's way through a pipe."""

    IN_STREAM = "in the stream"
    BEFORE_TARGET = "before the target"
    TARGET = "target"
    TOTAL = "creation to delivery"


_FIELD_OF = {
    Stage.IN_STREAM: "in_stream_s",
    Stage.BEFORE_TARGET: "before_target_s",
    Stage.TARGET: "target_s",
    Stage.TOTAL: "total_s",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One change's way, in seconds; None where the log does not tell. `ended_at` in epoch seconds."""

    ended_at: float
    in_stream_s: float | None
    before_target_s: float | None
    target_s: float | None
    total_s: float | None

    def of(self, stage: Stage) -> float | None:
        """The time of one stage in seconds."""
        time: float | None = getattr(self, _FIELD_OF[stage])
        return time


@dataclass(frozen=True, slots=True)
class SpanPercentiles:
    """Percentiles of one stage among the executions that ended in the span of time from `at` (epoch s), in seconds."""

    at: float
    stage: Stage
    p50_s: float
    p90_s: float
    p99_s: float
    count: int


class Samples:
    """The newest samples of one pipe."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)

    def add(self, sample: Sample) -> None:
        """One more."""
        self._samples.append(sample)

    def prune(self, before: float) -> None:
        """Lets go of what ended before a moment."""
        while self._samples and self._samples[0].ended_at < before:
            self._samples.popleft()

    def since(self, moment: float, most: int = SAMPLES) -> list[Sample]:
        """The newest samples that ended since a moment, at most `most`; the newest first."""
        found = takewhile(lambda sample: sample.ended_at >= moment, reversed(self._samples))
        return [sample for sample, _ in zip(found, range(most), strict=False)]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the ordered values that so many percent of them do not exceed. Raises IndexError for none."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def times(samples: Iterable[Sample], stage: Stage) -> list[float]:
    """The times of one stage in seconds, in ascending order."""
    return sorted(time for sample in samples if (time := sample.of(stage)) is not None)


def over_time(samples: Sequence[Sample], since: float, until: float) -> list[SpanPercentiles]:
    """Percentiles of each stage in each of at most SPANS equal spans; spans without a sample are left out."""
    length = max(1.0, (until - since) / SPANS)
    spans: dict[int, list[Sample]] = {}
    for sample in samples:
        if since <= sample.ended_at <= until:
            spans.setdefault(min(SPANS - 1, int((sample.ended_at - since) / length)), []).append(sample)
    found = []
    for number, group in sorted(spans.items()):
        for stage in Stage:
            ordered = times(group, stage)
            if ordered:
                p50, p90, p99 = (percentile(ordered, percent) for percent in _PERCENTS)
                found.append(SpanPercentiles(since + number * length, stage, p50, p90, p99, len(ordered)))
    return found


#: Upper ends of the classes of a histogram, in seconds; the last class has none.
CLASSES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


def histogram(samples: Iterable[Sample], stage: Stage) -> list[int]:
    """How many samples fall into each class of CLASSES_S, and last those beyond."""
    counts = [0] * (len(CLASSES_S) + 1)
    for sample in samples:
        time = sample.of(stage)
        if time is not None:
            counts[sum(time > upper for upper in CLASSES_S)] += 1
    return counts
