"""How the pipeline does: each pipe's verdict with its evidence, and the numbers that stand beside it.

Reads nothing by itself but what others keep: the described pipes, the log and the stream, all shared by the viewers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from core import names
from core.errors import DashboardError
from services.jobs.cached_read import Shared
from services.logs.tail import LogView
from services.pipes.describe import Pipe
from services.pipes.latency import Sample, Stage, percentile, times
from services.pipes.ledger import Row
from services.pipes.state import PipeAccount
from services.pipes.stream_reader import WatchStatus
from services.pipes.tracker import PipeBook
from services.pipes.verdicts import Evidence, Finding, Verdict, verdict, worst

#: Windows that the ledger may have, in seconds.
WINDOWS_S = (300, 900)
#: What the sparkline shows, in seconds, and how long each of its points is.
SPARK_S = 300
SPARK_POINT_S = 5
#: The log is taken to be at least this late, in seconds: a record and its execution are not written at once.
LEAST_LATE_S = 0.5
_READING_BACK = "It is still being read back, and does not tell yet what became of the records that wait."
#: Rates are those of this many seconds before the horizon.
_RATE_S = 10


@dataclass(frozen=True)
class PipeHealth:
    """One pipe. `pipe` is None when it cannot be described. Lags and rates are None when nothing tells them.

    Lags are those of what was delivered in the last SPARK_S seconds, from creation to delivery. `rate` is deliveries
    per second, `failed_rate` failures; `spark` is deliveries per second, oldest first;
    `causes` why executions failed in that time; `ledgers` by window in seconds.
    """

    flow: str
    pipe: Pipe | None
    evidence: Evidence
    finding: Finding
    p50_s: float | None
    p99_s: float | None
    rate: float
    failed_rate: float
    spark: tuple[float, ...]
    causes: tuple[tuple[str, int], ...]
    ledgers: dict[int, Row]

    @property
    def waiting_known(self) -> bool:
        """Whether its log names the records and the stream was read lately, so that what waits can be told."""
        told = self.pipe is not None and self.pipe.execution_data and not self.evidence.log_problem
        return told and self.evidence.stream_late_s is None


@dataclass(frozen=True)
class Health:
    """The pipeline at `at` (epoch s). `written_rate` is changes per second, None when the stream is not watched.

    `late_s` is how far the log is behind. `complete_since` is later than a window's beginning if changes were too many.
    """

    at: float
    verdict: Verdict
    pipes: tuple[PipeHealth, ...]
    watch: WatchStatus
    late_s: float
    written_rate: float | None
    complete_since: float

    @property
    def log_unread(self) -> bool:
        """Whether the pipes' log could not be read: `late_s` says nothing then."""
        return any(pipe.evidence.log_problem for pipe in self.pipes)


@dataclass(frozen=True)
class _LogRead:
    """How far the log is behind, or why it cannot be read; what is older than `back_to` (epoch s) is still to come."""

    late_s: float = 0.0
    problem: str = ""
    back_to: float = 0.0


class Doctor:
    """Examines the pipeline. `clock` is in epoch seconds; `letters` counts the dead letters, None when nobody can."""

    def __init__(
        self,
        book: PipeBook,
        pipes: Shared[tuple[Pipe, ...]],
        log: Shared[LogView],
        watch: Callable[[], WatchStatus],
        clock: Callable[[], float] = time.time,
        letters: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._book = book
        self._pipes = pipes
        self._log = log
        self._watch = watch
        self._clock = clock
        self._letters = letters

    def examine(self) -> Health:
        """Every pipe's health now. What cannot be read makes a verdict, never an error."""
        pipes, why_no_pipes = self._described()
        log, letters = self._log_read(), self._letters()
        now = self._clock()
        watch = self._watch()
        blank = Evidence(
            now,
            None,
            why_no_pipes,
            log.problem,
            now - log.late_s,
            letters=letters,
            stream_late_s=watch.late_s(time.time()),
        )
        with self._book.reading():
            # By the real clock, as the book is written: `clock` may be ahead of it.
            self._book.prune(time.time())
            found = tuple(self._of(flow, pipes.get(flow), blank, log) for flow in names.FLOWS)
        seen_to = int(watch.read_at or 0)
        known = watch.read_at and blank.stream_late_s is None
        written = self._book.written(seen_to - _RATE_S, seen_to) / _RATE_S if known else None
        worst_of = worst(pipe.finding for pipe in found)
        return Health(now, worst_of, found, watch, log.late_s, written, self._book.complete_since)

    def samples(self, seconds: float) -> dict[str, list[Sample]]:
        """By flow, how long the stages took of what ended in the last `seconds`."""
        since = self._clock() - seconds
        with self._book.reading():
            return {flow: self._book.account(names.pipe(flow)).samples(since) for flow in names.FLOWS}

    def _described(self) -> tuple[dict[str, Pipe], str]:
        try:
            pipes = self._pipes.get().value
        except DashboardError as error:
            return {}, str(error)
        self._book.agree(pipes)
        return {pipe.flow: pipe for pipe in pipes}, ""

    def _log_read(self) -> _LogRead:
        try:
            state = self._log.get().value.state
        except DashboardError as error:
            return _LogRead(problem=str(error))
        late_s = max(LEAST_LATE_S, time.time() - state.horizon_ms / 1000)
        return _LogRead(late_s, back_to=state.complete_from_ms / 1000 if state.reading_back else 0.0)

    def _of(self, flow: str, pipe: Pipe | None, blank: Evidence, log: _LogRead) -> PipeHealth:
        account = self._book.account(names.pipe(flow))
        known = Evidence(
            now=blank.now,
            state=None if pipe is None else pipe.state,
            reason=blank.reason if pipe is None else pipe.reason,
            log_problem=blank.log_problem or ("" if pipe is None else log_problem(pipe)),
            horizon=blank.horizon,
            stream_late_s=blank.stream_late_s,
            letters=blank.letters if pipe is not None and pipe.dead_letter_queue else None,
        )
        evidence = account.evidence(known)
        if not evidence.log_problem and (evidence.oldest_waiting_at or log.back_to) < log.back_to:
            evidence = replace(evidence, log_problem=_READING_BACK)
        lags = times(account.samples(blank.now - SPARK_S), Stage.TOTAL)
        rate, failed_rate = _rates(account, blank.horizon)
        return PipeHealth(
            flow=flow,
            pipe=pipe,
            evidence=evidence,
            finding=verdict(evidence),
            p50_s=percentile(lags, 50) if lags else None,
            p99_s=percentile(lags, 99) if lags else None,
            rate=rate,
            failed_rate=failed_rate,
            spark=_spark(account, blank.horizon),
            causes=tuple(account.causes(blank.now - SPARK_S)),
            ledgers={window: account.row(blank.now - window, blank.horizon) for window in WINDOWS_S},
        )


def log_problem(pipe: Pipe) -> str:
    """Why the log of a pipe that runs does not tell what becomes of its records; "" when it does."""
    if pipe.log_level in ("", "OFF"):
        return "Its log is off. Set the log level INFO."
    if pipe.log_level == "ERROR":
        return "Its log has failures only. Set the log level INFO."
    return ""


def _rates(account: PipeAccount, horizon: float) -> tuple[float, float]:
    """Deliveries and failures per second, in the last whole seconds before the horizon."""
    until = int(horizon)
    done = [one for one in account.done(until - _RATE_S) if one.second < until]
    return sum(one.succeeded for one in done) / _RATE_S, sum(one.failed for one in done) / _RATE_S


def _spark(account: PipeAccount, horizon: float) -> tuple[float, ...]:
    first = int(horizon) - SPARK_S
    points = [0.0] * (SPARK_S // SPARK_POINT_S)
    for one in account.done(first):
        point = (one.second - first) // SPARK_POINT_S
        if 0 <= point < len(points):
            points[point] += one.succeeded / SPARK_POINT_S
    return tuple(points)
