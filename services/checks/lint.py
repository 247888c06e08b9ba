"""Settings of the stack that lose records without a word: settings in, findings out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from core import names
from services.checks import pipe_rules, resource_rules
from services.checks import settings as stack_settings
from services.checks.finding import Finding, Severity
from services.checks.settings import StackSettings
from services.pipes.describe import Pipe

#: Calls per second that were made lately, by flow.
Rates = Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """One thing that is checked, in words, and how."""

    title: str
    look: Callable[[StackSettings, Rates], Iterable[Finding]]


def _each_pipe(rule: Callable[[Pipe], Iterable[Finding]]) -> Callable[[StackSettings, Rates], Iterator[Finding]]:
    return lambda settings, _: (finding for pipe in settings.pipes for finding in rule(pipe))


def _settings_only(
    rule: Callable[[StackSettings], Iterable[Finding]],
) -> Callable[[StackSettings, Rates], Iterable[Finding]]:
    return lambda settings, _: rule(settings)


CHECKS = (
    Check("Each pipe exists and runs", _each_pipe(pipe_rules.running)),
    Check("Each pipe has a dead-letter queue, and not a FIFO queue", _each_pipe(pipe_rules.dead_letters)),
    Check("Each pipe retries, and not without end", _each_pipe(pipe_rules.retries)),
    Check("No pipe starts at LATEST", _each_pipe(pipe_rules.starting_position)),
    Check("Each pipe takes records one by one", _each_pipe(pipe_rules.batches)),
    Check("No change falls between the pipes' filters", _each_pipe(pipe_rules.filters)),
    Check("Each pipe logs its executions with their data", _each_pipe(pipe_rules.logs)),
    Check(
        "The table's stream is on, has new images, and is the one that the pipes read",
        _settings_only(resource_rules.table),
    ),
    Check("The attribute TTL is not DynamoDB's own time to live", _settings_only(resource_rules.time_to_live)),
    Check("Dead letters are kept for 14 days", _settings_only(resource_rules.queues)),
    Check("Logs are kept at least as long as dead letters", _settings_only(resource_rules.log_group)),
    Check("The connection is authorized", _settings_only(resource_rules.connection)),
    Check("The API destinations are active and use https", _settings_only(resource_rules.destinations)),
    Check("The API destinations take as many calls as are made", resource_rules.rates),
    Check(
        "No setting lets puts and deletes of a key overtake each other more often", _settings_only(resource_rules.order)
    ),
    Check(
        "The pipes' role may read the stream, call Momento and send dead letters",
        _settings_only(resource_rules.permissions),
    ),
    Check("All of this could be read", _settings_only(resource_rules.unread)),
)

_SEVERITIES = tuple(Severity)


def lint(settings: StackSettings, rates: Rates) -> tuple[Finding, ...]:
    """Every finding, grouped by resource along the pipeline's way, and within each the worst first."""
    found = [finding for check in CHECKS for finding in check.look(settings, rates)]
    return tuple(sorted(found, key=lambda finding: (_place(finding.resource), _SEVERITIES.index(finding.severity))))


def _place(resource: str) -> tuple[int, str]:
    way = (
        stack_settings.TABLE,
        *(stack_settings.pipe_label(flow) for flow in names.FLOWS),
        stack_settings.CONNECTION,
        *(stack_settings.destination_label(flow) for flow in names.FLOWS),
        stack_settings.queue_label(names.QUEUE),
        stack_settings.LOG_GROUP,
        stack_settings.PERMISSIONS,
    )
    return (way.index(resource) if resource in way else len(way), resource)
