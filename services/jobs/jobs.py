"""Work that takes longer than a page should wait: it runs in a thread of its own, and pages look at its progress.

    RUNNING ── the work returns ─────────────────────── DONE
            ── it returns after it noticed a cancel ─── CANCELLED
            ── it raises ────────────────────────────── FAILED

A job outlives the page that started it, the viewer's session too. Whoever knows its id may look at it and cancel it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from core.errors import DashboardError, Throttled
from core.mishaps import Net

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Jobs that may run at once in one process; how long an ended one is kept, in seconds, and how many of them.
MOST_RUNNING = 4
KEPT_S = 3600.0
MOST_KEPT = 50
#: How long `close` waits for all jobs together to notice that they are cancelled, in seconds.
CLOSE_S = 2.0


class JobState(Enum):
    """How a job stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """How far a job is. Times in epoch seconds; `total` is None when nobody knows it; `error` only when FAILED."""

    state: JobState
    started_at: float
    done: int = 0
    total: int | None = None
    words: str = ""
    ended_at: float | None = None
    error: DashboardError | None = None

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.state is JobState.RUNNING

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1; 0 as long as the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class Control:
    """The work's own side of a job: where it tells how far it is, and learns that it should stop."""

    def __init__(self) -> None:
        self.progress = Progress(JobState.RUNNING, time.time())
        self._asked_to_stop = threading.Event()
        self._noticed = False

    def report(self, done: int, total: int | None, words: str) -> None:
        """Tells how far the work is, for whoever looks. Only the work calls this."""
        self.progress = replace(self.progress, done=done, total=total, words=words)

    @property
    def cancelled(self) -> bool:
        """Whether the work should stop. Work that read True here, or from `wait`, ends as CANCELLED."""
        self._noticed = self._noticed or self._asked_to_stop.is_set()
        return self._noticed

    def wait(self, seconds: float) -> bool:
        """Waits, at most until the job is cancelled. Returns `cancelled`."""
        self._asked_to_stop.wait(seconds)
        return self.cancelled

    def stop(self) -> None:
        """Asks the work to stop."""
        self._asked_to_stop.set()

    def end(self, error: DashboardError | None) -> None:
        """Notes that the work has returned, or what it raised."""
        if error is not None:
            state = JobState.FAILED
        else:
            state = JobState.CANCELLED if self._noticed else JobState.DONE
        self.progress = replace(self.progress, state=state, ended_at=time.time(), error=error)


class Job(Generic[T]):
    """One piece of work under way, or ended. Safe to share between threads."""

    def __init__(self, name: str, work: Callable[[Control], T]) -> None:
        self.id = secrets.token_urlsafe(16)
        self.name = name
        self._work = work
        self._control = Control()
        self._result: T | None = None
        self._thread = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    @property
    def progress(self) -> Progress:
        """How far it is: a snapshot."""
        return self._control.progress

    @property
    def result(self) -> T | None:
        """What the work returned, when DONE or CANCELLED; None before that, and when FAILED."""
        return self._result

    def cancel(self) -> None:
        """Asks the work to stop. Returns at once; the state changes when the work has noticed."""
        self._control.stop()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Waits for the end for up to `seconds`. Returns whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with Net(logger, self.name) as net:
            self._result = self._work(self._control)
        self._control.end(net.error)


class Jobs:
    """The jobs of one process. Its methods may be called by any thread."""

    def __init__(self, most_running: int = MOST_RUNNING, kept_s: float = KEPT_S) -> None:
        self._most_running = most_running
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._jobs: dict[str, Job[Any]] = {}
        self._closed = False

    def start(self, name: str, work: Callable[[Control], T]) -> Job[T]:
        """Runs `work` in a thread of its own. `name` is what people read, such as "Writing 200 records".

        Raises Throttled when as many jobs as may run are running, and once this is closed.
        """
        job = Job(name, work)
        with self._lock:
            self._forget_old()
            running = [known for known in self._jobs.values() if known.progress.running]
            if self._closed:
                raise Throttled(f"{name} cannot start: the dashboard is ending.", "Start it again.")
            if len(running) >= self._most_running:
                raise Throttled(
                    f"{name} cannot start: {len(running)} jobs are running.", "Wait until one has ended, or cancel one."
                )
            self._jobs[job.id] = job
            job.start()
        return job

    def get(self, job_id: str) -> Job[Any] | None:
        """The job with this id; None when there is none, or it ended too long ago."""
        with self._lock:
            self._forget_old()
            return self._jobs.get(job_id)

    def close(self) -> None:
        """Cancels all jobs and waits CLOSE_S for them; no other can be started."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        deadline = time.monotonic() + CLOSE_S
        for job in jobs:
            job.join(max(0.0, deadline - time.monotonic()))

    def _forget_old(self) -> None:
        """Ended jobs go when their time is over, and the oldest of them when there are too many."""
        ended = sorted(
            (job for job in self._jobs.values() if job.progress.ended_at is not None),
            key=lambda job: job.progress.ended_at or 0.0,
        )
        oldest = time.time() - self._kept_s
        for number, job in enumerate(ended):
            if number < len(ended) - MOST_KEPT or (job.progress.ended_at or 0.0) < oldest:
                del self._jobs[job.id]
