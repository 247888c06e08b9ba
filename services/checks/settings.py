"""The settings of the stack that decide whether a record can get lost, as AWS tells them. Each read fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from core import names
from core.aws import Aws, translated
from core.errors import DashboardError
from services.pipes.describe import Pipe

T = TypeVar("T")

STREAM_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")


@dataclass(frozen=True)
class Table:
    """The table's stream (both texts are "" without one), and the attribute that DynamoDB's own TTL looks at, or ""."""

    stream_arn: str
    stream_view: str
    ttl_attribute: str


@dataclass(frozen=True)
class Queue:
    """A dead-letter queue: how long it keeps a message, in seconds."""

    name: str
    retention_s: int


@dataclass(frozen=True)
class LogGroup:
    """The pipes' log group: how long it keeps a record, in days, or None for ever."""

    name: str
    retention_days: int | None


@dataclass(frozen=True)
class Connection:
    """The pipes' way to Momento: its state and AWS's reason for it."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class Destination:
    """The API destination of one flow; `rate_limit` is in invocations per second."""

    flow: str
    name: str
    state: str
    endpoint: str
    rate_limit: int


@dataclass(frozen=True)
class Denied:
    """Something that a role needs and may not do."""

    role: str
    action: str
    resource: str


@dataclass(frozen=True)
class Unread:
    """A resource whose settings could not be read, and why."""

    resource: str
    error: DashboardError


@dataclass(frozen=True)
class StackSettings:
    """What could be read: None or missing for what could not, which is then among `unread`."""

    pipes: tuple[Pipe, ...] = ()
    table: Table | None = None
    queues: tuple[Queue, ...] = ()
    log_group: LogGroup | None = None
    connection: Connection | None = None
    destinations: tuple[Destination, ...] = ()
    denied: tuple[Denied, ...] = ()
    unread: tuple[Unread, ...] = ()


#: Names of resources for people, as findings are grouped by them.
TABLE, CONNECTION, LOG_GROUP, PERMISSIONS = "Table", "Connection", "Log group", "Permissions"


def queue_label(name: str) -> str:
    """What a finding calls a queue."""
    return f"Queue {name}"


def destination_label(flow: str) -> str:
    """What a finding calls the API destination of a flow."""
    return f"API destination {flow}"


def pipe_label(flow: str) -> str:
    """What a finding calls the pipe of a flow."""
    return f"Pipe {flow}"


class _Attempts:
    """Reads one thing after the other, and notes what could not be read."""

    def __init__(self) -> None:
        self.unread: list[Unread] = []

    def one(self, resource: str, ask: Callable[[], T]) -> T | None:
        """What was read, or None."""
        try:
            return ask()
        except DashboardError as error:
            self.unread.append(Unread(resource, error))
            return None

    def all(self, asks: Mapping[str, Callable[[], T]]) -> tuple[T, ...]:
        """What could be read of several resources."""
        found = (self.one(resource, ask) for resource, ask in asks.items())
        return tuple(each for each in found if each is not None)


def read(aws: Aws, pipes: Callable[[], tuple[Pipe, ...]]) -> StackSettings:
    """Everything that can be read now. Never raises a DashboardError: what failed is in `unread`."""
    attempts = _Attempts()
    found = attempts.one("Pipes", pipes) or ()
    queues = {queue_label(name): partial(_queue, aws, name) for name in _queue_names(found)}
    destinations = {destination_label(flow): partial(_destination, aws, flow) for flow in names.FLOWS}
    return StackSettings(
        pipes=found,
        table=attempts.one(TABLE, partial(_table, aws)),
        queues=attempts.all(queues),
        log_group=attempts.one(LOG_GROUP, partial(_log_group, aws)),
        connection=attempts.one(CONNECTION, partial(_connection, aws)),
        destinations=attempts.all(destinations),
        denied=attempts.one(PERMISSIONS, partial(_denied, aws, found)) or (),
        unread=tuple(attempts.unread),
    )


def _queue_names(pipes: Iterable[Pipe]) -> list[str]:
    """The queues that the pipes name; other targets of dead letters than SQS have no retention."""
    arns = [pipe.dead_letter_queue for pipe in pipes if ":sqs:" in pipe.dead_letter_queue]
    return list(dict.fromkeys([names.QUEUE, *(arn.rpartition(":")[2] for arn in arns)]))


def _table(aws: Aws) -> Table:
    with translated(f"Describing table {names.TABLE}"):
        table = aws.dynamodb.describe_table(TableName=names.TABLE)["Table"]
        ttl = aws.dynamodb.describe_time_to_live(TableName=names.TABLE)["TimeToLiveDescription"]
    stream = table.get("StreamSpecification", {})
    enabled = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return Table(
        stream_arn=table.get("LatestStreamArn", "") if stream.get("StreamEnabled") else "",
        stream_view=stream.get("StreamViewType", ""),
        ttl_attribute=ttl.get("AttributeName", "") if enabled else "",
    )


def _queue(aws: Aws, name: str) -> Queue:
    with translated(f"Reading the settings of queue {name}"):
        url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["MessageRetentionPeriod"])
    return Queue(name, int(answer["Attributes"]["MessageRetentionPeriod"]))


def _log_group(aws: Aws) -> LogGroup | None:
    name = names.log_group(aws.region)
    with translated(f"Describing log group {name}"):
        groups = aws.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    for group in groups:
        if group.get("logGroupName") == name:
            return LogGroup(name, group.get("retentionInDays"))
    return None


def _connection(aws: Aws) -> Connection:
    with translated(f"Describing connection {names.CONNECTION}"):
        answer = aws.events.describe_connection(Name=names.CONNECTION)
    return Connection(names.CONNECTION, answer["ConnectionState"], answer.get("StateReason", ""))


def _destination(aws: Aws, flow: str) -> Destination:
    name = names.api_destination(flow)
    with translated(f"Describing API destination {name}"):
        answer = aws.events.describe_api_destination(Name=name)
    # 300 is what AWS takes when nothing is set (facts/aws-pipes.md, section 3).
    limit = answer.get("InvocationRateLimitPerSecond", 300)
    return Destination(flow, name, answer["ApiDestinationState"], answer["InvocationEndpoint"], limit)


def _denied(aws: Aws, pipes: Sequence[Pipe]) -> tuple[Denied, ...]:
    roles = dict.fromkeys(pipe.role for pipe in pipes if pipe.role)
    return tuple(denied for role in roles for denied in _denied_to(aws, role, [p for p in pipes if p.role == role]))


def _denied_to(aws: Aws, role: str, pipes: Sequence[Pipe]) -> Iterable[Denied]:
    queues = [pipe.dead_letter_queue for pipe in pipes if pipe.dead_letter_queue]
    needs = (
        (STREAM_ACTIONS, [pipe.source for pipe in pipes]),
        (("sqs:SendMessage",), [arn for arn in queues if ":sqs:" in arn]),
        (("sns:Publish",), [arn for arn in queues if ":sns:" in arn]),
        (("events:InvokeApiDestination",), [pipe.target for pipe in pipes]),
    )
    for actions, resources in needs:
        for resource in dict.fromkeys(resources):
            yield from _simulated(aws, role, actions, resource)


def _simulated(aws: Aws, role: str, actions: Sequence[str], resource: str) -> Iterable[Denied]:
    with translated(f"Asking IAM what role {role.rpartition('/')[2]} may do"):
        answer = aws.iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=list(actions), ResourceArns=[resource]
        )
    for result in answer["EvaluationResults"]:
        if result["EvalDecision"] != "allowed":
            yield Denied(role.rpartition("/")[2], result["EvalActionName"], resource)
