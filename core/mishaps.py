"""Unforeseen exceptions: how they are caught, logged, and what is shown in their place.

Neither log nor screen quotes one: its text may repeat a header with a token, or what a credential process printed.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from core.errors import DashboardError, ServiceFailed


def log_mishap(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Logs that `what` failed, with the exception's class and the way to where it was raised."""
    way = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    logger.error("%s failed: %s\n%s", what, type(error).__name__, way)


def shown(what: str, error: BaseException) -> ServiceFailed:
    """What is shown instead of the exception."""
    return ServiceFailed(
        f"{what} failed for a reason of the dashboard's own ({type(error).__name__}).", "Its log says more."
    )


class Net:
    """Catches whatever its block raises. `error` is what to show then: the DashboardError, or one for a mishap."""

    def __init__(self, logger: logging.Logger, what: str, known: set[str] | None = None) -> None:
        """Logs mishaps as `what`; those of a class whose name is in `known` were logged before, others are added."""
        self._logger = logger
        self._what = what
        self._known = known
        self.error: DashboardError | None = None

    def __enter__(self) -> Net:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, way: TracebackType | None
    ) -> bool:
        if isinstance(error, DashboardError):
            self.error = error
            return True
        if not isinstance(error, Exception):
            # Nothing happened, or the process or the script is to end.
            return False
        if self._known is None or type(error).__name__ not in self._known:
            log_mishap(self._logger, self._what, error)
        if self._known is not None:
            self._known.add(type(error).__name__)
        self.error = shown(self._what, error)
        return True
