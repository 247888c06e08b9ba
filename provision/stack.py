"""What the stack is: the parameters of every create call, as pure data.

The same resources, names and values as the original demo's CloudFormation stack. Nothing here talks to AWS;
`provision/apply.py` does, in the order in which things depend on each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from provision import names

#: Days that the dead-letter queue keeps a message (the SQS maximum) and the log group its records.
QUEUE_RETENTION_DAYS = 14
LOG_RETENTION_DAYS = 90


@dataclass(frozen=True)
class Flow:
    """One way out of the stream: which records a pipe takes and which HTTP call it makes of each."""

    name: str
    method: str
    path: str
    description: str
    event_names: tuple[str, ...]
    path_parameters: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    template: str = ""


def _template(*leading: tuple[str, str]) -> str:
    """The input template: a JSON object whose values Pipes takes from the stream record."""
    fields = (
        *leading,
        ("Location", "$.dynamodb.Keys.Location.S"),
        ("MaxTemp", "$.dynamodb.NewImage.MaxTemp.N"),
        ("MinTemp", "$.dynamodb.NewImage.MinTemp.N"),
        ("ChancesOfPrecipitation", "$.dynamodb.NewImage.ChancesOfPrecipitation.N"),
    )
    lines = ",\n".join(f'  "{name}": <{path}>' for name, path in fields)
    return "{\n" + lines + "\n}"


_KEY = ("key", "$.dynamodb.Keys.Location.S")

FLOWS: tuple[Flow, ...] = (
    Flow(
        name=names.CACHE_PUT,
        method="PUT",
        path="/cache/*",
        description="Cache Set API",
        event_names=("INSERT", "MODIFY"),
        path_parameters=(names.CACHE,),
        query=(_KEY, ("ttl_seconds", "$.dynamodb.NewImage.TTL.N")),
        template=_template(),
    ),
    Flow(
        name=names.TOPIC_PUBLISH,
        method="POST",
        path="/topics/*/*",
        description="Topic Publish API",
        event_names=(),
        path_parameters=(names.CACHE, names.TOPIC),
        template=_template(("EventType", "$.eventName")),
    ),
    Flow(
        name=names.CACHE_DELETE,
        method="DELETE",
        path="/cache/*",
        description="Cache Delete API",
        event_names=("REMOVE",),
        path_parameters=(names.CACHE,),
        query=(_KEY,),
    ),
)


def table() -> dict[str, Any]:
    """Parameters of dynamodb CreateTable. Capacity is what CloudFormation gives a table that names none."""
    return {
        "TableName": names.TABLE,
        "AttributeDefinitions": [{"AttributeName": names.TABLE_KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": names.TABLE_KEY, "KeyType": "HASH"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def queue() -> dict[str, Any]:
    """Parameters of sqs CreateQueue for the dead-letter queue."""
    seconds = QUEUE_RETENTION_DAYS * 24 * 3600
    return {"QueueName": names.QUEUE, "Attributes": {"MessageRetentionPeriod": str(seconds)}}


def connection(api_key: str) -> dict[str, Any]:
    """Parameters of events CreateConnection. The key goes raw into the header; Momento wants no "Bearer"."""
    return {
        "Name": names.CONNECTION,
        "Description": "Connection with API Key Authorization",
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": api_key},
        },
    }


def api_destination(flow: Flow, http_endpoint: str, connection_arn: str) -> dict[str, Any]:
    """Parameters of events CreateApiDestination; `http_endpoint` is the base URL of Momento's HTTP API."""
    return {
        "Name": names.api_destination(flow.name),
        "Description": flow.description,
        "ConnectionArn": connection_arn,
        "InvocationEndpoint": http_endpoint.rstrip("/") + flow.path,
        "HttpMethod": flow.method,
    }


def role_trust() -> str:
    """Who may take on the pipes' role: EventBridge Pipes."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "pipes.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role_policy(stream_arn: str, queue_arn: str, destination_arns: list[str]) -> str:
    """What the pipes may do: call the destinations, read the stream, send dead letters."""
    statements = [
        {
            "Effect": "Allow",
            "Action": ["events:InvokeApiDestination"],
            "Resource": destination_arns,
        },
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ],
            "Resource": [stream_arn],
        },
        {
            "Effect": "Allow",
            "Action": [
                "sqs:SendMessage",
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
            ],
            "Resource": [queue_arn],
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True)
class PipeEnds:
    """The ARNs that a pipe connects."""

    stream: str
    destination: str
    queue: str
    role: str
    log_group: str


def pipe(flow: Flow, ends: PipeEnds) -> dict[str, Any]:
    """Parameters of pipes CreatePipe: one attempt, then the dead-letter queue; every execution logged with its data."""
    source: dict[str, Any] = {
        "DynamoDBStreamParameters": {
            "BatchSize": 1,
            "StartingPosition": "LATEST",
            "MaximumRetryAttempts": 0,
            "DeadLetterConfig": {"Arn": ends.queue},
        }
    }
    if flow.event_names:
        pattern = json.dumps({"eventName": list(flow.event_names)}, separators=(",", ":"))
        source["FilterCriteria"] = {"Filters": [{"Pattern": pattern}]}
    http: dict[str, Any] = {"PathParameterValues": list(flow.path_parameters)}
    if flow.query:
        http["QueryStringParameters"] = dict(flow.query)
    target: dict[str, Any] = {"HttpParameters": http}
    if flow.template:
        target["InputTemplate"] = flow.template
    return {
        "Name": names.pipe(flow.name),
        "DesiredState": "RUNNING",
        "Source": ends.stream,
        "SourceParameters": source,
        "Target": ends.destination,
        "TargetParameters": target,
        "RoleArn": ends.role,
        "LogConfiguration": {
            "CloudwatchLogsLogDestination": {"LogGroupArn": ends.log_group},
            "Level": "INFO",
            "IncludeExecutionData": ["ALL"],
        },
    }
