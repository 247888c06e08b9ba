"""Which readings ask for attention, and which do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Unreachable
from services.app.notices import Notice, Readings, Severity, notices
from services.dead_letters.queue import Depth
from services.topic.history import HistoryStatus
from services.topic.subscription_state import FeedState, FeedStatus
from services.tracking.canary import CanaryRun, CanaryStatus, Stage

LIVE = FeedStatus(FeedState.LIVE, since=0.0)
QUIET = Readings(depth=Depth(0, 0, 0), feed=LIVE)


def only_notice(readings: Readings) -> Notice:
    (notice,) = notices(readings)
    return notice


def test_a_healthy_pipeline_needs_nothing() -> None:
    assert notices(QUIET) == []


def test_a_pipeline_of_which_nothing_is_known_yet_needs_nothing() -> None:
    assert notices(Readings(None, replace(LIVE, state=FeedState.CONNECTING))) == []


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

    found = notices(replace(QUIET, depth=Depth(2, 0, 0), errors=(error,)))

    assert [notice.severity for notice in found] == [Severity.PROBLEM, Severity.WARNING]
    assert found[0].detail == str(error)


def test_problems_come_before_warnings() -> None:
    lost = replace(LIVE, state=FeedState.REFUSED)

    found = notices(replace(QUIET, feed=lost, depth=Depth(1, 0, 0)))

    assert [notice.severity for notice in found] == [Severity.PROBLEM, Severity.WARNING]


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
