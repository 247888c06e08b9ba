"""Bringing the stack up: the order of things.

table ─┐
queue ─┼─ role ─┬─ pipe cache-put
log group       ├─ pipe topic-publish
secret          └─ pipe cache-delete
connection ── API destinations
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from provision import names, resources, stack
from provision.clients import Clients

#: Told of each resource as it is taken in hand: its kind and its name.
OnStep = Callable[[str, str], None]


@dataclass(frozen=True)
class Momento:
    """Where the pipes deliver: the HTTP API's base URL, the key, and how to make sure that a cache exists."""

    http_endpoint: str
    api_key: str = field(repr=False)
    ensure_cache: Callable[[str], object]


def up(aws: Clients, momento: Momento, on_step: OnStep) -> None:
    """Creates what is missing; safe to run again. Raises ProvisionFailed or botocore's ClientError."""
    on_step("Momento cache", names.CACHE)
    momento.ensure_cache(names.CACHE)
    on_step("table", names.TABLE)
    stream_arn = resources.ensure_table(aws)
    on_step("queue", names.QUEUE)
    queue_arn = resources.ensure_queue(aws)
    on_step("log group", names.log_group(aws.region))
    log_group_arn = resources.ensure_log_group(aws)
    on_step("secret", names.SECRET)
    resources.ensure_secret(aws, momento.api_key)
    on_step("connection", names.CONNECTION)
    connection_arn = resources.ensure_connection(aws, momento.api_key)
    destinations: dict[str, str] = {}
    for flow in stack.FLOWS:
        on_step("API destination", names.api_destination(flow.name))
        destinations[flow.name] = resources.ensure_api_destination(aws, flow, momento.http_endpoint, connection_arn)
    on_step("role", names.ROLE)
    policy = stack.role_policy(stream_arn, queue_arn, list(destinations.values()))
    role_arn = resources.ensure_role(aws, policy)
    for flow in stack.FLOWS:
        on_step("pipe", names.pipe(flow.name))
        ends = stack.PipeEnds(stream_arn, destinations[flow.name], queue_arn, role_arn, log_group_arn)
        resources.ensure_pipe(aws, flow, ends)
