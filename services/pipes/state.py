"""One pipe's account: the fates of the changes, its executions as the log tells them, and the evidence that follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from services.logs.error_signature import signature
from services.logs.executions import LogRecord
from services.pipes.latency import Sample, Samples, Stage, percentile, times
from services.pipes.ledger import Fates, Row
from services.pipes.open_executions import ENDS, OpenExecutions, Steps
from services.pipes.verdicts import LATELY_S, Evidence

#: How many of the newest samples tell the lag of now.
_LAG_SAMPLES = 2_000
#: Causes of failures that are told apart in one minute.
_CAUSES = 50


@dataclass(frozen=True, slots=True)
class SecondDone:
    """Executions that ended in one second, which began at the epoch second `second`."""

    second: int
    succeeded: int
    failed: int


class PipeAccount:
    """Everything that is known of one pipe's work. Not safe for threads by itself: the book locks."""

    def __init__(self) -> None:
        self.fates = Fates()
        self._executions = OpenExecutions()
        self._samples = Samples()
        self._done: dict[int, list[int]] = {}
        self._causes: dict[int, Counter[str]] = {}
        self._running: dict[str, str] = {}
        self._last_success_at: float | None = None
        self._last_failure_at: float | None = None
        self._last_error = ""
        self._error_at = 0.0

    def hear(self, record: LogRecord) -> None:
        """One more record of its log."""
        steps = self._executions.take(record)
        if steps is None:
            return
        at = record.time_ms / 1000
        if record.error and at >= self._error_at:
            self._last_error, self._error_at = record.error, at
        if record.message_type == "ExecutionStarted":
            self._begin(steps, at)
        if record.message_type in ENDS:
            self._note_end(steps)
        if steps.complete:
            self._settle(steps)

    def evidence(self, known: Evidence) -> Evidence:
        """What is `known` of the pipe from elsewhere (its state, now, the horizon), with what its work shows."""
        since = known.horizon - LATELY_S
        waiting, oldest = self.fates.waiting(known.horizon)
        lag = times(self._samples.since(since, _LAG_SAMPLES), Stage.TOTAL)
        holding = self._executions.holding()
        done = [counts for second, counts in self._done.items() if second >= since]
        return replace(
            known,
            waiting=waiting,
            oldest_waiting_at=oldest,
            holding=len(holding),
            holding_since=min((steps.failing_since or steps.last_at for steps in holding), default=None),
            last_success_at=self._last_success_at,
            last_failure_at=self._last_failure_at,
            last_error=self._last_error if self._error_at > (self._last_success_at or 0.0) - LATELY_S else "",
            failed_lately=sum(failed for _, failed in done),
            completed_lately=sum(succeeded + failed for succeeded, failed in done),
            lag_s=percentile(lag, 50) if lag else None,
        )

    def row(self, since: float, horizon: float) -> Row:
        """The ledger since a moment."""
        return self.fates.row(since, horizon)

    def samples(self, since: float) -> list[Sample]:
        """How long the stages took of what ended since a moment."""
        return self._samples.since(since)

    def done(self, since: float) -> list[SecondDone]:
        """What ended since a moment, second by second; seconds without an end are left out."""
        return [SecondDone(second, *counts) for second, counts in sorted(self._done.items()) if second >= since]

    def causes(self, since: float) -> list[tuple[str, int]]:
        """Why executions failed since a moment, to the minute, the most frequent first. The words are the target's."""
        found: Counter[str] = Counter()
        for minute, causes in self._causes.items():
            if minute * 60 >= since - 60:
                found.update(causes)
        return found.most_common()

    def prune(self, now: float, before: float) -> None:
        """Lets go of what ended before a moment, and of executions that never will."""
        self._executions.prune(now)
        self._running = {change: known for change, known in self._running.items() if self._executions.is_open(known)}
        self._samples.prune(before)
        for second in [second for second in self._done if second < before]:
            del self._done[second]
        for minute in [minute for minute in self._causes if (minute + 1) * 60 < before]:
            del self._causes[minute]

    def _begin(self, steps: Steps, at: float) -> None:
        for change in steps.changes:
            before = self._running.get(change.sequence_number)
            if before not in (None, steps.execution_id):
                # A pipe that was stopped leaves an execution without an end, and begins the change again.
                self._executions.drop(str(before))
            self._running[change.sequence_number] = steps.execution_id
            self.fates.started(change.sequence_number, at)

    def _note_end(self, steps: Steps) -> None:
        assert steps.ended_at is not None
        counts = self._done.setdefault(int(steps.ended_at), [0, 0])
        if steps.succeeded:
            counts[0] += 1
            self._last_success_at = max(self._last_success_at or 0.0, steps.ended_at)
        else:
            counts[1] += 1
            self._last_failure_at = max(self._last_failure_at or 0.0, steps.ended_at)
            causes = self._causes.setdefault(int(steps.ended_at // 60), Counter())
            cause = signature(steps.error, steps.status) or "The log gives no error."
            causes[cause if cause in causes or len(causes) < _CAUSES else "other"] += 1

    def _settle(self, steps: Steps) -> None:
        assert steps.ended_at is not None
        for change in steps.changes:
            self._running.pop(change.sequence_number, None)
            if steps.succeeded:
                self.fates.delivered(change.sequence_number, steps.ended_at)
                self._samples.add(_sample(steps, change.created_s))
            else:
                self.fates.failed(change.sequence_number, steps.ended_at)
        if steps.succeeded and not steps.changes:
            self._samples.add(_sample(steps, None))


def _sample(steps: Steps, created_s: float | None) -> Sample:
    ended_at = steps.ended_at or 0.0
    return Sample(
        ended_at,
        _between(created_s, steps.started_at),
        _between(steps.started_at, steps.target_at),
        _between(steps.target_at, steps.target_done_at),
        _between(created_s, ended_at),
    )


def _between(start: Any, end: Any) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
