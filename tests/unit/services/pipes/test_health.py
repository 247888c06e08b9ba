"""What the doctor makes of what can be read, and of what cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.errors import Throttled, Unreachable
from core.names import CACHE_PUT, FLOWS, pipe
from services.jobs.cached_read import Shared
from services.logs.executions import LogRecord
from services.logs.tail import LogState, LogView
from services.pipes import health as module
from services.pipes.describe import Pipe
from services.pipes.health import Doctor, Health, log_problem
from services.pipes.stream_changes import Change
from services.pipes.stream_reader import WatchStatus
from services.pipes.tracker import PipeBook
from services.pipes.verdicts import Verdict

NOW = float(int(time.time()))
PIPES = tuple(Pipe(pipe(flow), flow, "RUNNING", log_level="INFO", execution_data=True) for flow in FLOWS)


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The book lets go of what is old by the real clock, and these tests may run long after they were collected."""
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: NOW))


def unreachable() -> tuple[Pipe, ...]:
    raise Unreachable("Describing pipe x failed: nothing answers.", "Check the network.")


def throttled() -> LogView:
    raise Throttled("Reading log group g failed: too many calls.")


def read_log(complete_from: float = NOW - 3600, reading_back: bool = False) -> LogView:
    """A log that is a second behind."""
    ms = [int(1000 * moment) for moment in (NOW - 3600, complete_from, NOW - 1)]
    return LogView(LogState(ms[0], ms[1], ms[2], 20, 100, reading_back, False), store=None)  # type: ignore[arg-type]


def examined(
    pipes: Callable[[], tuple[Pipe, ...]] = lambda: PIPES,
    log: Callable[[], LogView] = lambda: read_log(),
    book: PipeBook | None = None,
    watch: WatchStatus | None = None,
) -> Health:
    status = watch or WatchStatus(on=True, since=NOW - 60, read_at=NOW)
    return Doctor(book or PipeBook(), Shared(pipes, 60), Shared(log, 60), lambda: status, clock=lambda: NOW).examine()


def test_pipes_with_nothing_to_do_are_idle() -> None:
    health = examined()

    assert health.verdict is Verdict.IDLE
    assert [found.flow for found in health.pipes] == list(FLOWS)
    assert health.late_s == pytest.approx(1.0, abs=0.5)


def test_dead_letters_count_for_pipes_that_have_a_queue() -> None:
    without, *rest = PIPES
    pipes = (without, *(replace(pipe, dead_letter_queue="arn:aws:sqs:us-west-2:1:q") for pipe in rest))
    doctor = Doctor(
        PipeBook(),
        Shared(lambda: pipes, 60),
        Shared(read_log, 60),
        lambda: WatchStatus(on=False),
        clock=lambda: NOW,
        letters=lambda: 3,
    )

    assert [found.evidence.letters for found in doctor.examine().pipes] == [None, 3, 3]


def test_pipes_that_cannot_be_described_are_unknown_and_the_reason_is_told() -> None:
    health = examined(pipes=unreachable)

    assert health.verdict is Verdict.UNKNOWN
    assert {found.pipe for found in health.pipes} == {None}
    assert "nothing answers" in health.pipes[0].finding.detail


def test_a_stream_that_was_not_read_lately_leaves_open_what_waits() -> None:
    health = examined(watch=WatchStatus(on=True, since=NOW - 60, read_at=NOW - 40))

    assert health.verdict is Verdict.UNKNOWN
    assert "the stream has not been read for 40 s" in health.pipes[0].finding.rule
    assert not health.pipes[0].waiting_known
    assert health.written_rate is None


def test_a_log_that_cannot_be_read_leaves_the_verdict_open() -> None:
    health = examined(log=throttled)

    assert health.verdict is Verdict.UNKNOWN
    assert "too many calls" in health.pipes[0].finding.detail
    assert not health.pipes[0].waiting_known


def test_a_log_that_is_still_read_back_does_not_make_waiting_records_stuck() -> None:
    """Nobody looked for an hour: the stream was watched, the log is read now."""
    book = PipeBook()
    book.agree(PIPES)
    book.see([Change("4" * 21, "INSERT", '{"Location": {"S": "Oslo"}}', NOW - 600, 100, "shard-1")])

    assert examined(book=book).verdict is Verdict.STALLED
    health = examined(book=book, log=lambda: read_log(NOW - 60, reading_back=True))
    assert health.verdict is Verdict.UNKNOWN
    assert "still being read back" in health.pipes[0].finding.detail


def test_a_pipe_that_is_stopped_is_so_whatever_the_log_says() -> None:
    stopped = Pipe(pipe(CACHE_PUT), CACHE_PUT, "STOPPED", log_level="INFO")

    health = examined(pipes=lambda: (stopped, *PIPES[1:]), log=throttled)

    assert health.pipes[0].finding.verdict is Verdict.STOPPED
    assert health.verdict is Verdict.STOPPED


@pytest.mark.parametrize(("level", "problem"), [("OFF", "off"), ("", "off"), ("ERROR", "failures only"), ("TRACE", "")])
def test_a_log_level_that_hides_successes_is_a_problem(level: str, problem: str) -> None:
    found = log_problem(Pipe("p", "f", "RUNNING", log_level=level))

    assert problem in found
    assert bool(found) is bool(problem)


def test_the_spark_and_the_rate_show_what_ended() -> None:
    book = PipeBook()
    for number in range(40):
        at_ms = int((NOW - 9) * 1000) + number * 100
        for kind in ("ExecutionStarted", "ExecutionSucceeded"):
            book.hear(LogRecord(f"{number} {kind}", at_ms, "", pipe(CACHE_PUT), f"e{number}", kind, "INFO"))

    found = examined(book=book).pipes[0]

    assert found.finding.verdict is Verdict.OK
    assert found.rate == 4.0
    assert sum(found.spark) * 5 == 40
    assert len(found.spark) == 60


def test_without_the_stream_the_rate_of_writes_is_unknown() -> None:
    assert examined(watch=WatchStatus(on=False)).written_rate is None
