"""The one job of its kind that all viewers share: who comes later sees how far it is, and nobody starts a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from core.errors import Throttled
from services.jobs.jobs import Control, Job, Jobs

T = TypeVar("T")


class OneJob(Generic[T]):
    """Holds the newest job of its kind. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Job[T] | None = None

    @property
    def job(self) -> Job[T] | None:
        """The job that runs, or ran last."""
        return self._job

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._job is not None and self._job.progress.running

    def start(self, jobs: Jobs, name: str, work: Callable[[Control], T]) -> Job[T]:
        """Starts the job. Raises Throttled while another of its kind runs."""
        with self._lock:
            if self.running:
                raise Throttled(f"{name} cannot start: one is running.", "Wait for it, or stop it.")
            self._job = jobs.start(name, work)
            return self._job
