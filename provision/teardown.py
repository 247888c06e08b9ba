"""Taking the stack down, in the reverse order of `apply`. What is already gone is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from provision import names, resources, stack
from provision.apply import OnStep
from provision.clients import Clients


def down(aws: Clients, on_step: OnStep) -> None:
    """Deletes every resource, the table and its records included. The Momento cache stays: others may use it."""
    for flow in reversed(stack.FLOWS):
        on_step("pipe", names.pipe(flow.name))
        _delete(aws.pipes.delete_pipe, Name=names.pipe(flow.name))
    for flow in stack.FLOWS:
        _wait_until_gone(aws, flow)
    on_step("role", names.ROLE)
    _delete(aws.iam.delete_role_policy, RoleName=names.ROLE, PolicyName=names.ROLE_POLICY)
    _delete(aws.iam.delete_role, RoleName=names.ROLE)
    for flow in reversed(stack.FLOWS):
        on_step("API destination", names.api_destination(flow.name))
        _delete(aws.events.delete_api_destination, Name=names.api_destination(flow.name))
    on_step("connection", names.CONNECTION)
    _delete(aws.events.delete_connection, Name=names.CONNECTION)
    on_step("secret", names.SECRET)
    _delete(aws.secrets.delete_secret, SecretId=names.SECRET, ForceDeleteWithoutRecovery=True)
    on_step("log group", names.log_group(aws.region))
    _delete(aws.logs.delete_log_group, logGroupName=names.log_group(aws.region))
    on_step("queue", names.QUEUE)
    _delete(_delete_queue, aws=aws)
    on_step("table", names.TABLE)
    _delete(aws.dynamodb.delete_table, TableName=names.TABLE)


def _delete_queue(aws: Clients) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"])


def _wait_until_gone(aws: Clients, flow: stack.Flow) -> None:
    resources.wait_until(
        lambda: resources.pipe_state(aws, flow)[0] == "",
        f"Deletion of pipe {names.pipe(flow.name)}",
        within_s=300,
    )


def _delete(act: Callable[..., Any], **parameters: Any) -> None:
    try:
        act(**parameters)
    except ClientError as error:
        if not resources.is_missing(error):
            raise
