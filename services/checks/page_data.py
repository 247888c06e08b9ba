"""What the page Checks reads: the findings about the settings, and CloudWatch's numbers beside the pipes' log.

The log is read here and not by the page, which looks less often than the log's lifetime: every viewer of it would
otherwise make one more read of the log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from core import names
from core.aws import Aws
from core.errors import DashboardError, NotFound
from services.checks import settings as stack_settings
from services.checks import stack_metrics
from services.checks.finding import Finding
from services.checks.lint import Rates, lint
from services.checks.settings import Unread
from services.checks.stack_metrics import Comparison, Measured
from services.jobs.cached_read import Shared
from services.logs.queries import LogQuery
from services.logs.store import LogStore
from services.logs.tail import LogView
from services.pipes.describe import Pipe

#: Over how many seconds the rate of calls is taken.
RATE_WINDOW_S = 300
#: The newest executions that are held against CloudWatch's numbers; more would take longer than they tell.
COMPARED = 20_000


@dataclass(frozen=True)
class Measurement:
    """CloudWatch's numbers, and how they stand to the log; `log_error` says why that could not be read, if so."""

    measured: tuple[Measured, ...]
    compared: tuple[Comparison, ...]
    log_error: DashboardError | None = None


def findings(aws: Aws, pipes: Shared[tuple[Pipe, ...]], log: Shared[LogView]) -> tuple[Finding, ...]:
    """What the lint finds now. Never raises a DashboardError: what cannot be read is a finding."""
    settings = stack_settings.read(aws, lambda: pipes.get().value)
    try:
        return lint(settings, _rates(log.get().value.store))
    except NotFound:
        # The settings tell of a log group that is not there.
        return lint(settings, {})
    except DashboardError as error:
        return lint(replace(settings, unread=(*settings.unread, Unread("Log records", error))), {})


def _rates(store: LogStore) -> Rates:
    since_ms = int((time.time() - RATE_WINDOW_S) * 1000)
    return {
        flow: store.count_executions(LogQuery(since_ms=since_ms, pipe=names.pipe(flow))) / RATE_WINDOW_S
        for flow in names.FLOWS
    }


def measurement(aws: Aws, pipes: Shared[tuple[Pipe, ...]], log: Shared[LogView]) -> Measurement:
    """CloudWatch's numbers of the last hour beside the log's. Raises DashboardError when CloudWatch cannot be read."""
    sources = (pipe.source for pipe in pipes.get().value)
    measured = stack_metrics.measure(aws, next(filter(None, sources), ""))
    try:
        view = log.get().value
    except DashboardError as error:
        return Measurement(measured, (), error)
    executions = view.store.executions(LogQuery(), COMPARED)
    log_since_ms = view.state.complete_from_ms
    if len(executions) == COMPARED:
        log_since_ms = max(log_since_ms, executions[-1].started_ms)
    return Measurement(measured, stack_metrics.compare(measured, executions, log_since_ms / 1000))
