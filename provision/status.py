"""Looking at the stack: the state of every resource, changing nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from provision import names, resources, stack
from provision.clients import Clients


@dataclass(frozen=True)
class ResourceStatus:
    """One line of `status`: what it is, its name, and its state ("missing" when AWS does not have it)."""

    kind: str
    name: str
    state: str


def status(aws: Clients) -> list[ResourceStatus]:
    """The state of every AWS resource of the stack, in the order of creation. Raises botocore's ClientError."""
    group = names.log_group(aws.region)
    found = [
        _look("table", names.TABLE, lambda: _table(aws)),
        _look("queue", names.QUEUE, lambda: _exists(aws.sqs.get_queue_url(QueueName=names.QUEUE))),
        _look("log group", group, lambda: _log_group(aws, group)),
        _look("secret", names.SECRET, lambda: _secret(aws)),
        _look("connection", names.CONNECTION, lambda: _connection(aws)),
    ]
    found += [_destination(aws, names.api_destination(flow.name)) for flow in stack.FLOWS]
    found += [_look("role", names.ROLE, lambda: _exists(aws.iam.get_role(RoleName=names.ROLE)))]
    found += [_pipe(aws, flow) for flow in stack.FLOWS]
    return found


def _look(kind: str, name: str, look: Callable[[], str]) -> ResourceStatus:
    try:
        return ResourceStatus(kind, name, look())
    except ClientError as error:
        if resources.is_missing(error):
            return ResourceStatus(kind, name, "missing")
        raise


def _exists(answer: object) -> str:
    return "exists" if answer else "missing"


def _table(aws: Clients) -> str:
    return aws.dynamodb.describe_table(TableName=names.TABLE)["Table"]["TableStatus"]


def _log_group(aws: Clients, name: str) -> str:
    groups = aws.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return _exists(any(group.get("logGroupName") == name for group in groups))


def _secret(aws: Clients) -> str:
    return "being deleted" if aws.secrets.describe_secret(SecretId=names.SECRET).get("DeletedDate") else "exists"


def _connection(aws: Clients) -> str:
    return aws.events.describe_connection(Name=names.CONNECTION)["ConnectionState"]


def _destination(aws: Clients, name: str) -> ResourceStatus:
    return _look("API destination", name, lambda: aws.events.describe_api_destination(Name=name)["ApiDestinationState"])


def _pipe(aws: Clients, flow: stack.Flow) -> ResourceStatus:
    state, reason = resources.pipe_state(aws, flow)
    return ResourceStatus("pipe", names.pipe(flow.name), f"{state}: {reason}" if reason else state or "missing")
