"""The verdict on a pipe follows from written rules, and the worst rule that fires wins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipes.verdicts import (
    IDLE_S,
    LATE_S,
    LATELY_S,
    LOG_LATE_S,
    Evidence,
    Finding,
    Verdict,
    verdict,
    worst,
)

NOW = 1_760_000_000.0
#: A pipe that delivers, with a log that is a second behind.
WELL = Evidence(
    now=NOW, state="RUNNING", horizon=NOW - 1, last_success_at=NOW - 2, completed_lately=40, waiting=1,
    oldest_waiting_at=NOW - 1.5, lag_s=0.1,
)  # fmt: skip
#: A pipe whose last execution failed an hour ago.
FAILED_LONG_AGO = replace(
    WELL, waiting=0, oldest_waiting_at=None, last_success_at=NOW - 4000, last_failure_at=NOW - 3600, completed_lately=0
)


@pytest.mark.parametrize(
    ("evidence", "expected", "says"),
    [
        (WELL, Verdict.OK, "succeeded"),
        (Evidence(NOW, "RUNNING", horizon=NOW - 1), Verdict.IDLE, "Nothing was there to do"),
        (replace(WELL, waiting=0, last_success_at=NOW - 3600, completed_lately=0), Verdict.IDLE, "5 min"),
        # The first record ever is on its way.
        (Evidence(NOW, "RUNNING", horizon=NOW - 1, waiting=1, oldest_waiting_at=NOW - 2), Verdict.OK, "1 record waits"),
        (replace(WELL, state="MISSING", reason="Create the stack."), Verdict.BROKEN, "missing"),
        (replace(WELL, state="CREATE_FAILED"), Verdict.BROKEN, "create failed"),
        (replace(WELL, state="UPDATE_ROLLBACK_FAILED"), Verdict.BROKEN, "rollback"),
        (replace(WELL, reason="The dead-letter queue refuses."), Verdict.BROKEN, "runs"),
        (replace(WELL, state="STOPPED", waiting=3), Verdict.STOPPED, "3 records wait"),
        (replace(WELL, state="STOPPING"), Verdict.STOPPED, "stopping"),
        (replace(WELL, state="STARTING"), Verdict.UNKNOWN, "starting"),
        (replace(WELL, state=None, reason="AWS does not answer."), Verdict.UNKNOWN, "cannot be read"),
        (replace(WELL, log_problem="The log level is OFF."), Verdict.UNKNOWN, "log"),
        (replace(WELL, horizon=NOW - LOG_LATE_S - 60), Verdict.UNKNOWN, "6 min behind"),
        # What was delivered before the trouble began does not speak against it.
        (replace(WELL, holding=1, holding_since=NOW - 1, last_error="refused"), Verdict.STALLED, "cannot be reached"),
        # Another shard or lane delivers: what holds is late, not everything.
        (
            replace(WELL, holding=1, holding_since=NOW - 30, oldest_waiting_at=NOW - 30),
            Verdict.LAGGING,
            "oldest for 29 s",
        ),
        (
            replace(WELL, completed_lately=0, waiting=7, oldest_waiting_at=NOW - 60),
            Verdict.STALLED,
            "7 records wait, the oldest for 59 s",
        ),
        (replace(WELL, last_failure_at=NOW - 1, failed_lately=1), Verdict.FAILING, "newest execution failed"),
        # The last thing that happened is a failure, however long ago.
        (
            replace(WELL, waiting=0, last_success_at=NOW - 4000, last_failure_at=NOW - 3600, completed_lately=0),
            Verdict.FAILING,
            "60 min ago",
        ),
        # Its dead letters are dealt with, and nothing came since; the words do not forget it.
        (
            replace(FAILED_LONG_AGO, letters=0),
            Verdict.IDLE,
            "The last execution failed 60 min ago; its dead letters are dealt with.",
        ),
        (replace(FAILED_LONG_AGO, letters=1), Verdict.FAILING, "60 min ago"),
        (replace(FAILED_LONG_AGO, letters=0, last_failure_at=NOW - IDLE_S + 10), Verdict.FAILING, "5 min ago"),
        (
            replace(FAILED_LONG_AGO, letters=0, waiting=1, oldest_waiting_at=NOW - 2),
            Verdict.FAILING,
            "60 min ago",
        ),
        (replace(WELL, last_failure_at=NOW - 5, failed_lately=3), Verdict.FAILING, "3 of 40"),
        (replace(WELL, last_failure_at=NOW - 30), Verdict.OK, "succeeded"),
        (replace(WELL, lag_s=LATE_S + 7), Verdict.LAGGING, "12 s before"),
        (replace(WELL, oldest_waiting_at=NOW - 1 - LATE_S - 4), Verdict.LAGGING, "oldest for 9 s"),
    ],
)
def test_the_rule_that_fires_and_its_words(evidence: Evidence, expected: Verdict, says: str) -> None:
    finding = verdict(evidence)

    assert finding.verdict is expected
    assert says in finding.rule


def test_what_the_log_cannot_tell_yet_is_not_held_against_the_pipe() -> None:
    """A record that was written after the horizon waits for the log, not for the pipe."""
    late_log = replace(WELL, horizon=NOW - 90, oldest_waiting_at=NOW - 30, completed_lately=0)

    assert verdict(late_log).verdict is Verdict.OK


_moments = st.none() | st.floats(NOW - 86_400, NOW)
_evidence = st.builds(
    Evidence,
    now=st.just(NOW),
    state=st.none() | st.sampled_from(["RUNNING", "STOPPED", "STARTING", "CREATE_FAILED", "MISSING", "DELETING"]),
    reason=st.sampled_from(["", "Cannot access stream"]),
    log_problem=st.sampled_from(["", "OFF"]),
    horizon=st.floats(NOW - 900, NOW),
    waiting=st.integers(0, 5000),
    oldest_waiting_at=_moments,
    holding=st.integers(0, 3),
    holding_since=_moments,
    last_success_at=_moments,
    last_failure_at=_moments,
    failed_lately=st.integers(0, 50),
    completed_lately=st.integers(0, 100),
    lag_s=st.none() | st.floats(0, 90_000),
    letters=st.none() | st.integers(0, 3),
)


@given(_evidence)
def test_every_evidence_has_a_verdict_in_words(evidence: Evidence) -> None:
    finding = verdict(evidence)

    assert finding.rule.endswith(".")


@given(_evidence)
def test_only_a_running_pipe_without_a_reason_can_be_well(evidence: Evidence) -> None:
    if verdict(evidence).verdict in (Verdict.OK, Verdict.IDLE):
        assert evidence.state == "RUNNING"
        assert not evidence.reason
        assert not evidence.log_problem


@given(_evidence)
def test_a_newest_execution_that_failed_is_never_called_well(evidence: Evidence) -> None:
    failure, success = evidence.last_failure_at, evidence.last_success_at
    if failure is not None and (success is None or failure > success):
        settled = evidence.letters == 0 and NOW - failure > IDLE_S and not evidence.waiting and not evidence.holding
        well = {Verdict.OK, Verdict.LAGGING} | (set() if settled else {Verdict.IDLE})
        assert verdict(evidence).verdict not in well


@given(_evidence)
def test_a_delivery_after_the_trouble_is_over_makes_it_well_again(evidence: Evidence) -> None:
    after = replace(
        evidence, state="RUNNING", reason="", log_problem="", horizon=NOW - 1, waiting=0, oldest_waiting_at=None,
        holding=0, last_success_at=NOW, last_failure_at=NOW - LATELY_S - 1, failed_lately=0, completed_lately=1,
        lag_s=0.2,
    )  # fmt: skip

    assert verdict(after).verdict is Verdict.OK


@given(_evidence)
def test_time_alone_never_makes_a_quiet_pipe_worse_than_idle(evidence: Evidence) -> None:
    """An hour without records: nothing waits, the last one went well."""
    quiet = replace(
        evidence, state="RUNNING", reason="", log_problem="", horizon=NOW - 1, waiting=0, oldest_waiting_at=None,
        holding=0, last_success_at=NOW - IDLE_S - 1, last_failure_at=None, failed_lately=0, completed_lately=0,
        lag_s=None,
    )  # fmt: skip

    assert verdict(quiet).verdict is Verdict.IDLE


@given(st.lists(st.sampled_from(Verdict), max_size=3))
def test_the_pipeline_is_as_its_worst_pipe(verdicts: list[Verdict]) -> None:
    found = worst(Finding(one, "") for one in verdicts)

    order = list(Verdict)
    assert found is (order[min(map(order.index, verdicts))] if verdicts else Verdict.UNKNOWN)
