"""What a pipe should do with a record, by its published settings: filter it out, or make one request of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller
from sandbox.momento.deliveries import element_fingerprint, fingerprint
from sandbox.pipes.log.counters import written_at_ms
from sandbox.pipes.plan.plan import PipeIdentity, PipePlan, compile_plan
from sandbox.pipes.stream.events import event_of
from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.syntax.http_parameters import with_query
from sandbox.pipes.syntax.json_paths import compact, is_path, parse
from sandbox.pipes.target.api_destination import with_body_parameters
from sandbox.pipes.target.destinations import Destination, Destinations


class NotObservable(Exception):
    """Raised when the requests of a pipe cannot be told from outside. Its text says why."""


@dataclass(frozen=True)
class Expectation:
    """What is expected of one pipe. Records from before `since_ms` are not for it; `endpoint` is without its host."""

    plan: PipePlan
    destination: Destination
    endpoint: str
    since_ms: float

    def concerns(self, record: Mapping[str, Any]) -> bool:
        """Whether the pipe should read the record at all: with LATEST, those that are younger than the pipe.

        What is written while the pipe is being created may be on either side, as on AWS.
        """
        return self.since_ms == 0 or written_at_ms(dict(record)) >= self.since_ms

    def request_of(self, record: dict[str, Any]) -> int | None:
        """The fingerprint of the request, or of the element of one, that the record becomes; None when the pattern
        leaves it out. Raises NotObservable."""
        if not self.plan.filters.matches(record):
            return None
        event = event_of(record, self.plan.stream_arn)
        template = self.plan.template
        body = compact(event) if template is None else template.render(event)
        url = self.plan.http.url(self.endpoint, event, self.destination.query_names)
        path, _, query = with_query(url, list(self.destination.query)).partition("?")
        where = (self.destination.method, path.encode(), query.encode())
        if self.plan.batching.size == 1:
            whole = with_body_parameters(body, self.destination.body)
            return fingerprint(*where, whole.encode(errors="replace"))
        try:
            return element_fingerprint(*where, parse(body))
        except ValueError as error:
            raise NotObservable("Its template makes no JSON: the records of a batch cannot be told apart.") from error


async def expectation_of(description: Mapping[str, Any], momento_endpoint: str, aws: AwsCaller) -> Expectation:
    """What is expected of a pipe as DescribePipe shows it.

    Raises NotObservable, DestinationUnusable and AwsCallFailed.
    """
    arn = parse_arn(description["Arn"])
    plan = compile_plan(PipeIdentity(description["Name"], description["Arn"], arn.region), description)
    if plan.batching.size > 1 and _varies_by_record(description):
        raise NotObservable("The parameters of its requests are those of a batch's first record only.")
    destination = await Destinations(aws).get(plan.target_arn)
    base = momento_endpoint.rstrip("/")
    if not destination.endpoint.startswith(base + "/"):
        raise NotObservable("The target is not the sandbox's Momento.")
    since_ms = description["CreationTime"] * 1000 if plan.starting_position == "LATEST" else 0
    return Expectation(plan, destination, destination.endpoint.removeprefix(base), since_ms)


def _varies_by_record(description: Mapping[str, Any]) -> bool:
    """Whether records may differ in path or query of their requests."""
    http = (description.get("TargetParameters") or {}).get("HttpParameters") or {}
    query = http.get("QueryStringParameters") or {}
    return any(is_path(value) for value in (*http.get("PathParameterValues", ()), *query, *query.values()))
