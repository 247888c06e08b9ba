"""Which readings ask for attention, and which do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provision import names
from services.attention import Notice, Readings, Severity, notices
from services.canary import CanaryRun, CanaryStatus, Stage
from services.dead_letters import Depth
from services.errors import Unreachable
from services.pipe_logs import PipeTally
from services.pipes import Pipe
from services.topic_history import HistoryStatus
from services.topic_status import FeedState, FeedStatus

PUT, PUBLISH, DELETE = names.PIPES
LIVE = FeedStatus(FeedState.LIVE, since=0.0)
QUIET = Readings(
    pipes=tuple(Pipe(names.pipe(flow), flow, "RUNNING") for flow in names.FLOWS),
    tallies={PUT: PipeTally(succeeded=10, last_success_ms=5)},
    depth=Depth(0, 0, 0),
    feed=LIVE,
)


def only_notice(readings: Readings) -> Notice:
    (notice,) = notices(readings)
    return notice


def test_a_healthy_pipeline_needs_nothing() -> None:
    assert notices(QUIET) == []


def test_a_pipeline_of_which_nothing_is_known_yet_needs_nothing() -> None:
    assert notices(Readings(None, None, None, replace(LIVE, state=FeedState.CONNECTING))) == []


@pytest.mark.parametrize("state", ["STOPPED", "CREATE_FAILED", "MISSING", "STARTING"])
def test_a_pipe_that_does_not_run_is_a_problem(state: str) -> None:
    pipe = Pipe(PUT, "cache-put", state, reason="Because <b>.")

    notice = only_notice(replace(QUIET, pipes=(pipe,)))

    assert notice.severity is Severity.PROBLEM
    assert notice.headline == f"Pipe cache-put is {state.lower().replace('_', ' ')}"
    assert notice.detail == "Because <b>."


def test_a_pipe_that_holds_is_a_problem_even_if_others_failed_before() -> None:
    tally = PipeTally(succeeded=1, failed=2, holding=1, last_error="Nothing answers.")

    notice = only_notice(replace(QUIET, tallies={PUT: tally}))

    assert notice.severity is Severity.PROBLEM
    assert notice.headline.startswith("cache-put holds records back")
    assert notice.detail == "Nothing answers."


def test_pipes_that_hold_are_one_notice_with_the_flows_in_order() -> None:
    tally = PipeTally(holding=1, last_error="Nothing answers.")

    notice = only_notice(replace(QUIET, tallies={DELETE: tally, PUT: tally}))

    assert notice.headline.startswith("cache-put, cache-delete hold records back")


def test_executions_of_a_pipe_that_is_not_of_the_stack_are_not_our_business() -> None:
    foreign = PipeTally(failed=1, holding=1, last_failure_ms=1)

    assert notices(replace(QUIET, tallies={"<b>foreign</b>": foreign})) == []


def test_a_single_failure_is_told_in_the_singular() -> None:
    notice = only_notice(replace(QUIET, tallies={PUBLISH: PipeTally(failed=1, last_failure_ms=1)}))

    assert notice.headline == "topic-publish failed once lately"


@pytest.mark.parametrize(
    ("last_success_ms", "severity", "recovered"),
    [(0, Severity.PROBLEM, False), (99, Severity.PROBLEM, False), (101, Severity.WARNING, True)],
)
def test_failures_are_a_problem_until_something_is_delivered_again(
    last_success_ms: int, severity: Severity, recovered: bool
) -> None:
    tally = PipeTally(failed=1234, last_failure_ms=100, last_success_ms=last_success_ms, last_error="HTTP 500")

    notice = only_notice(replace(QUIET, tallies={PUT: tally}))

    assert notice.severity is severity
    assert "1,234" in notice.headline
    assert ("delivers again" in notice.headline) is recovered
    assert notice.detail == "HTTP 500"


@pytest.mark.parametrize("state", list(FeedState))
def test_a_subscription_that_is_lost_or_refused_is_a_problem(state: FeedState) -> None:
    found = notices(replace(QUIET, feed=replace(LIVE, state=state, reason="The key was refused.")))

    if state in (FeedState.RECONNECTING, FeedState.REFUSED):
        assert found == [Notice(Severity.PROBLEM, f"The topic subscription is {state.value}", "The key was refused.")]
    else:
        assert found == []


@pytest.mark.parametrize(
    ("depth", "headline"),
    [
        (Depth(1, 0, 0), "1 message waits in the dead-letter queue"),
        (Depth(0, 1, 1), "2 messages wait in the dead-letter queue"),
        (Depth(1500, 0, 0), "1,500 messages wait in the dead-letter queue"),
    ],
)
def test_dead_letters_are_a_warning(depth: Depth, headline: str) -> None:
    assert only_notice(replace(QUIET, depth=depth)) == Notice(Severity.WARNING, headline)


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_still_told() -> None:
    error = Unreachable("Reading failed: nothing answers.", "Check the network.")

    found = notices(replace(QUIET, tallies=None, depth=Depth(2, 0, 0), errors=(error,)))

    assert [notice.severity for notice in found] == [Severity.PROBLEM, Severity.WARNING]
    assert found[0].detail == str(error)


def test_problems_come_before_warnings() -> None:
    stopped = replace(QUIET.pipes[0], state="STOPPED")  # type: ignore[index]
    recovered = PipeTally(failed=1, last_failure_ms=1, last_success_ms=2)

    found = notices(replace(QUIET, pipes=(stopped,), tallies={PUT: recovered}, depth=Depth(1, 0, 0)))

    assert [notice.severity for notice in found] == [Severity.PROBLEM, Severity.WARNING, Severity.WARNING]


def test_a_history_that_cannot_be_written_is_a_warning() -> None:
    well = HistoryStatus(Path("topic-history.db"), stored=4)
    assert notices(replace(QUIET, history=well)) == []

    notice = only_notice(replace(QUIET, history=replace(well, problem="The disk is full.")))

    assert (notice.severity, notice.detail) == (Severity.WARNING, "The disk is full.")


PASSED = CanaryRun(100.0, tuple((stage, 20.0) for stage in Stage))
LOST = CanaryRun(100.0, ((Stage.WRITTEN, 4.0), (Stage.TOLD, 20.0)), "Reading from the cache failed.")


def test_a_canary_that_is_lost_is_a_problem_that_names_the_stage() -> None:
    notice = only_notice(replace(QUIET, canary=CanaryStatus(60, 200.0, 60.0, (PASSED, LOST), 2, 1)))

    assert notice.severity is Severity.PROBLEM
    assert notice.headline == 'The canary is lost: "Readable in the cache" did not come within 60 s'
    assert notice.detail == "Reading from the cache failed."


@pytest.mark.parametrize(
    "canary",
    [
        CanaryStatus(None, None, 60.0),
        CanaryStatus(60, 200.0, 60.0),
        CanaryStatus(60, 200.0, 60.0, (LOST, PASSED), 2, 1),
        CanaryStatus(None, None, 60.0, (LOST,), 1, 1),
    ],
    ids=["off", "not run yet", "passed again", "off after a loss"],
)
def test_a_canary_that_passed_or_is_off_needs_nothing(canary: CanaryStatus) -> None:
    assert notices(replace(QUIET, canary=canary)) == []
