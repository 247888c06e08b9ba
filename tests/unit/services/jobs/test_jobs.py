"""Jobs: what a look at one shows while it runs and after it ended, and that there are never too many."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.errors import ServiceFailed, Throttled, Unreachable
from services.jobs.jobs import Control, Job, Jobs, JobState
from tests.conftest import wait_until


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs(most_running=2)
    yield made
    made.close()


def ended(job: Job[object]) -> JobState:
    assert job.join(10)
    return job.progress.state


def until_cancelled(control: Control) -> str:
    assert control.wait(10)
    return "as far as it came"


def test_a_job_tells_how_far_it_is_while_it_runs_and_has_its_result_when_it_is_done(jobs: Jobs) -> None:
    reported, go_on = threading.Event(), threading.Event()

    def work(control: Control) -> list[int]:
        control.report(3, 12, "Writing")
        reported.set()
        assert go_on.wait(10)
        return [1, 2, 3]

    job = jobs.start("Writing 12 records", work)
    assert reported.wait(10)
    seen = job.progress
    go_on.set()

    assert (seen.state, seen.done, seen.total, seen.words, seen.share) == (JobState.RUNNING, 3, 12, "Writing", 0.25)
    assert seen.ended_at is None
    assert ended(job) is JobState.DONE
    assert job.result == [1, 2, 3]
    assert job.progress.ended_at is not None
    assert job.progress.ended_at >= seen.started_at
    assert seen.running, "a snapshot stays as it was"


def test_a_job_that_notices_its_cancel_is_cancelled_and_keeps_what_it_returns(jobs: Jobs) -> None:
    job = jobs.start("Writing", until_cancelled)

    job.cancel()

    assert ended(job) is JobState.CANCELLED
    assert job.result == "as far as it came"


def test_a_job_that_was_finished_before_it_noticed_its_cancel_is_done(jobs: Jobs) -> None:
    go_on = threading.Event()
    job = jobs.start("Writing", lambda control: go_on.wait(10))

    job.cancel()
    go_on.set()

    assert ended(job) is JobState.DONE


def test_a_job_that_raises_has_failed_with_that_error(jobs: Jobs) -> None:
    error = Unreachable("Writing 'Oslo' failed: nothing answers.", "Check the network.")

    def work(control: Control) -> None:
        control.report(5, 9, "Writing")
        raise error

    job = jobs.start("Writing", work)

    assert ended(job) is JobState.FAILED
    assert job.progress.error is error
    assert job.progress.done == 5
    assert job.result is None


def test_a_defect_fails_the_job_in_plain_words_and_is_logged(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    job = jobs.start("Writing 12 records", lambda control: 1 / 0)

    assert ended(job) is JobState.FAILED
    assert isinstance(job.progress.error, ServiceFailed)
    assert str(job.progress.error) == (
        "Writing 12 records failed for a reason of the dashboard's own (ZeroDivisionError). Its log says more."
    )
    assert "ZeroDivisionError" in caplog.text


def test_no_more_jobs_run_than_may(jobs: Jobs) -> None:
    running = [jobs.start("Reading", until_cancelled) for _ in range(2)]

    with pytest.raises(Throttled, match="Comparing cannot start: 2 jobs are running"):
        jobs.start("Comparing", until_cancelled)

    running[0].cancel()
    assert ended(running[0]) is JobState.CANCELLED
    assert jobs.start("Comparing", until_cancelled).progress.running


def test_a_job_is_found_by_its_id_and_only_by_it(jobs: Jobs) -> None:
    first, second = (jobs.start("Reading", lambda control: None) for _ in range(2))

    assert jobs.get(first.id) is first
    assert jobs.get("1") is None
    assert first.id != second.id
    assert len(first.id) >= 20


def test_an_ended_job_is_kept_for_its_time_and_a_running_one_for_ever() -> None:
    jobs = Jobs(kept_s=0.0)
    try:
        running = jobs.start("Reading", until_cancelled)
        done = jobs.start("Reading", lambda control: None)
        assert ended(done) is JobState.DONE

        wait_until(lambda: jobs.get(done.id) is None, what="the clock to go on")
        assert jobs.get(running.id) is running
    finally:
        jobs.close()


def test_ended_jobs_are_bounded_in_number_and_the_oldest_goes(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.jobs.jobs.MOST_KEPT", 2)
    done = []
    for _ in range(3):
        done.append(jobs.start("Reading", lambda control: None))
        assert ended(done[-1]) is JobState.DONE

    assert [jobs.get(job.id) for job in done] == [None, *done[1:]]


def test_close_ends_what_runs_and_nothing_starts_after_it() -> None:
    jobs = Jobs()
    job = jobs.start("Reading", until_cancelled)

    jobs.close()

    assert job.progress.state is JobState.CANCELLED
    with pytest.raises(Throttled, match="the dashboard is ending"):
        jobs.start("Reading", until_cancelled)
