"""What a pipe should do with a record, by its published settings: filter it out, or make one request of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import AwsCaller
from sandbox.momento.deliveries import fingerprint
from sandbox.pipes.arns import parse_arn
from sandbox.pipes.counters import written_at_ms
from sandbox.pipes.events import event_of
from sandbox.pipes.json_paths import compact
from sandbox.pipes.plan import PipeIdentity, PipePlan, compile_plan


class NotObservable(Exception):
    """Raised when the requests of a pipe cannot be told from outside. Its text says why."""


@dataclass(frozen=True)
class Expectation:
    """What is expected of one pipe. `since_ms` is the time before which records are not for it."""

    plan: PipePlan
    method: str
    endpoint: str
    since_ms: float

    def concerns(self, record: Mapping[str, Any]) -> bool:
        """Whether the pipe should read the record at all: with LATEST, those that are younger than the pipe.

        What is written while the pipe is being created may be on either side, as on AWS.
        """
        return self.since_ms == 0 or written_at_ms(dict(record)) >= self.since_ms

    def request_of(self, record: dict[str, Any]) -> int | None:
        """The fingerprint of the request that the record becomes, or None when the pattern leaves it out."""
        if not self.plan.filters.matches(record):
            return None
        event = event_of(record, self.plan.stream_arn)
        template = self.plan.template
        body = compact(event) if template is None else template.render(event)
        path, _, query = self.plan.http.url(self.endpoint, event).partition("?")
        return fingerprint(self.method, path.encode(), query.encode(), body.encode(errors="replace"))


async def expectation_of(description: Mapping[str, Any], momento_endpoint: str, aws: AwsCaller) -> Expectation:
    """What is expected of a pipe as DescribePipe shows it. Raises NotObservable, and AwsCallFailed."""
    arn = parse_arn(description["Arn"])
    plan = compile_plan(PipeIdentity(description["Name"], description["Arn"], arn.region), description)
    if description["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] != 1:
        raise NotObservable("Records of a batch cannot be told apart; the ledger is for a BatchSize of 1.")
    destination = await _describe(aws, "events.DescribeApiDestination", plan.target_arn)
    connection = await _describe(aws, "events.DescribeConnection", destination["ConnectionArn"])
    if (connection.get("AuthParameters") or {}).get("InvocationHttpParameters"):
        raise NotObservable("The connection adds parameters of its own to each request.")
    base, endpoint = momento_endpoint.rstrip("/"), destination["InvocationEndpoint"]
    if not endpoint.startswith(base + "/"):
        raise NotObservable("The target is not the sandbox's Momento.")
    since_ms = description["CreationTime"] * 1000 if plan.starting_position == "LATEST" else 0
    return Expectation(plan, destination["HttpMethod"], endpoint.removeprefix(base), since_ms)


async def _describe(aws: AwsCaller, operation: str, arn: str) -> dict[str, Any]:
    parsed = parse_arn(arn)
    return await aws.call(operation, {"Name": parsed.resource.split("/")[1]}, region=parsed.region)
