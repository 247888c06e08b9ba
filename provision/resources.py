"""Creating each kind of resource if it is missing, and bringing what holds the key or the endpoint up to date.

Every function is safe to call again and returns the ARN that later resources need. What differs in any other
way from the declared stack is left as it is: this version makes no plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from provision import names, stack
from provision.clients import Clients

#: Longest wait for a resource to become usable, in seconds.
READY_WITHIN_S = 120.0


class ProvisionFailed(Exception):
    """Raised when a resource cannot be brought into its declared state; says which and why."""


def error_code(error: ClientError) -> str:
    """AWS's own code of an error, like `ResourceInUseException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


#: What the services answer when a resource is not there.
_MISSING = frozenset(
    {
        "ResourceNotFoundException",
        "NotFoundException",
        "NoSuchEntity",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    }
)


def is_missing(error: ClientError) -> bool:
    """Whether AWS says that the resource is not there."""
    return error_code(error) in _MISSING


def wait_until(ready: Callable[[], bool], what: str, *, within_s: float = READY_WITHIN_S) -> None:
    """Returns when `ready()` is true. Raises ProvisionFailed when it is not within the time."""
    deadline = time.monotonic() + within_s
    pause = 0.05
    while not ready():
        if time.monotonic() > deadline:
            raise ProvisionFailed(f"{what} was not ready within {within_s:.0f} s.")
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def ensure_table(aws: Clients) -> str:
    """The stream ARN of the weather table, which is created if missing."""
    try:
        aws.dynamodb.create_table(**stack.table())
    except ClientError as error:
        if error_code(error) != "ResourceInUseException":
            raise
    arn = ""

    def active() -> bool:
        nonlocal arn
        described = aws.dynamodb.describe_table(TableName=names.TABLE)["Table"]
        arn = described.get("LatestStreamArn", "")
        return described.get("TableStatus") == "ACTIVE"

    wait_until(active, f"Table {names.TABLE}")
    if not arn:
        raise ProvisionFailed(f"Table {names.TABLE} exists and has no stream. Enable NEW_AND_OLD_IMAGES on it.")
    return arn


def ensure_queue(aws: Clients) -> str:
    """The ARN of the dead-letter queue, which is created if missing."""
    url = aws.sqs.create_queue(**stack.queue())["QueueUrl"]
    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def ensure_log_group(aws: Clients) -> str:
    """The ARN of the pipes' log group (without the trailing `:*`), which is created if missing."""
    name = names.log_group(aws.region)
    try:
        aws.logs.create_log_group(logGroupName=name)
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
    aws.logs.put_retention_policy(logGroupName=name, retentionInDays=stack.LOG_RETENTION_DAYS)
    for group in aws.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        if group.get("logGroupName") == name:
            return group["arn"].removesuffix(":*")
    raise ProvisionFailed(f"Log group {name} was created and is not listed.")


def ensure_secret(aws: Clients, api_key: str) -> str:
    """The ARN of the secret that holds the Momento key, created or brought up to date."""
    try:
        return aws.secrets.create_secret(Name=names.SECRET, SecretString=api_key)["ARN"]
    except ClientError as error:
        if error_code(error) != "ResourceExistsException":
            raise
    return aws.secrets.put_secret_value(SecretId=names.SECRET, SecretString=api_key)["ARN"]


def ensure_connection(aws: Clients, api_key: str) -> str:
    """The ARN of the connection, created or given the present key; returns once it is authorized."""
    wanted = stack.connection(api_key)
    try:
        arn = aws.events.create_connection(**wanted)["ConnectionArn"]
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
        arn = aws.events.update_connection(**wanted)["ConnectionArn"]

    def authorized() -> bool:
        state = aws.events.describe_connection(Name=names.CONNECTION)["ConnectionState"]
        return state == "AUTHORIZED"

    wait_until(authorized, f"Connection {names.CONNECTION}")
    return arn


def ensure_api_destination(aws: Clients, flow: stack.Flow, http_endpoint: str, connection_arn: str) -> str:
    """The ARN of one API destination, created or pointed at the present endpoint."""
    wanted = stack.api_destination(flow, http_endpoint, connection_arn)
    try:
        return aws.events.create_api_destination(**wanted)["ApiDestinationArn"]
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
    return aws.events.update_api_destination(**wanted)["ApiDestinationArn"]


def ensure_role(aws: Clients, policy: str) -> str:
    """The ARN of the role that the pipes take on, created if missing and given `policy`."""
    try:
        arn = aws.iam.create_role(RoleName=names.ROLE, AssumeRolePolicyDocument=stack.role_trust())["Role"]["Arn"]
    except ClientError as error:
        if error_code(error) != "EntityAlreadyExists":
            raise
        arn = aws.iam.get_role(RoleName=names.ROLE)["Role"]["Arn"]
    aws.iam.put_role_policy(RoleName=names.ROLE, PolicyName=names.ROLE_POLICY, PolicyDocument=policy)
    return arn


def ensure_pipe(aws: Clients, flow: stack.Flow, ends: stack.PipeEnds) -> str:
    """The ARN of one running pipe, created if missing.

    A new role or stream may not be known everywhere yet, and AWS then fails the creation (facts/aws-pipes.md,
    section 7). Such a pipe is deleted and created again until it runs, within READY_WITHIN_S. So is one that reads
    another stream, as after the table was made anew: a pipe's source cannot be changed.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    if _reads_another_stream(aws, flow, ends.stream):
        _remove_pipe(aws, flow)
    while True:
        arn = _create_pipe(aws, flow, ends)
        state, reason = _settled(aws, flow)
        if state in ("RUNNING", "STOPPED"):
            return arn
        if time.monotonic() > deadline:
            raise ProvisionFailed(f"Pipe {names.pipe(flow.name)} is {state}: {reason}")
        _remove_pipe(aws, flow)
        time.sleep(2)


def _reads_another_stream(aws: Clients, flow: stack.Flow, stream_arn: str) -> bool:
    try:
        return aws.pipes.describe_pipe(Name=names.pipe(flow.name))["Source"] != stream_arn
    except ClientError as error:
        if is_missing(error):
            return False
        raise


def _remove_pipe(aws: Clients, flow: stack.Flow) -> None:
    aws.pipes.delete_pipe(Name=names.pipe(flow.name))
    wait_until(lambda: pipe_state(aws, flow)[0] == "", f"Deletion of pipe {names.pipe(flow.name)}")


def _create_pipe(aws: Clients, flow: stack.Flow, ends: stack.PipeEnds) -> str:
    try:
        return aws.pipes.create_pipe(**stack.pipe(flow, ends))["Arn"]
    except ClientError as error:
        if error_code(error) != "ConflictException":
            raise
    return aws.pipes.describe_pipe(Name=names.pipe(flow.name))["Arn"]


def _settled(aws: Clients, flow: stack.Flow) -> tuple[str, str]:
    """State and reason of a pipe once it is on its way nowhere."""
    passing = ("CREATING", "UPDATING", "STARTING", "STOPPING")
    wait_until(lambda: pipe_state(aws, flow)[0] not in passing, f"Pipe {names.pipe(flow.name)}", within_s=300)
    return pipe_state(aws, flow)


def pipe_state(aws: Clients, flow: stack.Flow) -> tuple[str, str]:
    """CurrentState and StateReason of a pipe; ("", "") when there is none."""
    try:
        described = aws.pipes.describe_pipe(Name=names.pipe(flow.name))
    except ClientError as error:
        if is_missing(error):
            return "", ""
        raise
    return described["CurrentState"], described.get("StateReason", "")
