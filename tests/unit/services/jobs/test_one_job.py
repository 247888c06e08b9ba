"""One job of its kind for all viewers."""

from __future__ import annotations

import threading

import pytest

from core.errors import Throttled
from services.jobs.jobs import Jobs
from services.jobs.one_job import OneJob


def test_a_second_one_is_refused_while_the_first_runs_and_may_follow_it() -> None:
    jobs, one = Jobs(), OneJob[int]()
    go = threading.Event()

    first = one.start(jobs, "The first", lambda control: int(go.wait(20)))
    with pytest.raises(Throttled, match="one is running"):
        one.start(jobs, "The second", lambda control: 2)
    assert one.job is first

    go.set()
    assert first.join(20)
    second = one.start(jobs, "The second", lambda control: 2)
    assert second.join(20)
    assert (one.job, second.result, one.running) == (second, 2, False)
    jobs.close()
