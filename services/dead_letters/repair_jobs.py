"""The work on dead letters that this process does: one piece at a time, to be seen by all viewers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from services.audit.log import Audit
from services.dead_letters.orders import Order
from services.dead_letters.queue import DeadLetterQueue
from services.dead_letters.repair import Handle, work
from services.dead_letters.results import Report
from services.jobs.jobs import Control, Job, Jobs
from services.jobs.one_job import OneJob


@dataclass(frozen=True)
class Work:
    """A piece of work: what was ordered, and the job that does it, or did."""

    order: Order
    job: Job[Report]


class Works:
    """Starts work, and knows the last piece. Safe to share between threads."""

    def __init__(self, queue: DeadLetterQueue, audit: Audit, ended: Callable[[], None]) -> None:
        self._queue = queue
        self._audit = audit
        self._ended = ended
        self._one: OneJob[Report] = OneJob()
        self._lock = threading.Lock()
        self._last: Work | None = None

    @property
    def last(self) -> Work | None:
        """The work that goes on, or the one that ended last."""
        return self._last

    @property
    def running(self) -> Work | None:
        """The work that goes on."""
        return self._last if self._last is not None and self._last.job.progress.running else None

    def start(self, jobs: Jobs, order: Order, handle: Handle) -> Work:
        """Starts work. Raises Throttled while other work goes on."""

        def run(control: Control) -> Report:
            try:
                return work(self._queue, self._audit, order, handle, control)
            finally:
                self._ended()

        with self._lock:
            job = self._one.start(jobs, f"{order.act} ({len(order.letters):,})", run)
            self._last = Work(order, job)
            return self._last
