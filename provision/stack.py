"""What the stack is: every resource with its attributes, as pure data, in one readable list.

table ─┐
queue ─┼─ role ─┬─ pipe cache-put
        │        ├─ pipe topic-publish
log group ───────┴─ pipe cache-delete
connection ─┬─ API destinations ─ role
            └─ secret

With the original settings: the resources, names and values of the original demo's CloudFormation stack. Nothing here
talks to AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from core.names import CACHE_DELETE, CACHE_PUT, PROJECT, TABLE_KEY, TOPIC_PUBLISH, StackNames
from provision.alarms import declared_alarms
from provision.dashboard import declared_dashboard
from provision.model import Declared, Ref
from provision.partition import partition_of
from provision.secret_text import SecretText
from provision.settings import StackSettings

#: Days that the log group keeps its records.
LOG_RETENTION_DAYS = 90

CACHE = "cache"
TABLE = "table"
QUEUE = "queue"
LOG_GROUP = "log-group"
SECRET = "secret"
CONNECTION = "connection"
ROLE = "role"


@dataclass(frozen=True)
class Place:
    """Where a stack is: region and account of AWS, and the base URL of Momento's HTTP API."""

    region: str
    account: str
    http_endpoint: str

    @property
    def partition(self) -> str:
        """The part of AWS that the region is in, such as `aws` or `aws-cn`."""
        return partition_of(self.region)


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


def flows(names: StackNames) -> tuple[Flow, ...]:
    """The three flows of the pipeline."""
    return (
        Flow(
            name=CACHE_PUT,
            method="PUT",
            path="/cache/*",
            description="Cache Set API",
            event_names=("INSERT", "MODIFY"),
            path_parameters=(names.cache,),
            query=(_KEY, ("ttl_seconds", "$.dynamodb.NewImage.TTL.N")),
            template=_template(),
        ),
        Flow(
            name=TOPIC_PUBLISH,
            method="POST",
            path="/topics/*/*",
            description="Topic Publish API",
            event_names=(),
            path_parameters=(names.cache, names.topic),
            template=_template(("EventType", "$.eventName")),
        ),
        Flow(
            name=CACHE_DELETE,
            method="DELETE",
            path="/cache/*",
            description="Cache Delete API",
            event_names=("REMOVE",),
            path_parameters=(names.cache,),
            query=(_KEY,),
        ),
    )


def declared(names: StackNames, settings: StackSettings, place: Place, api_key: SecretText) -> tuple[Declared, ...]:
    """Every resource of the stack. `api_key` is the Momento key as the person gave it."""
    tags = {"Project": PROJECT, "Stack": names.stack}
    alarms = tuple(declared_alarms(names, settings, tags))
    return (
        Declared(CACHE, "Momento cache", names.cache, {}),
        Declared(
            TABLE,
            "table",
            names.table,
            {**_table(settings), "Tags": tags},
            replaced_by=frozenset({"KeySchema", "AttributeDefinitions"}),
            holds_data=True,
        ),
        Declared(QUEUE, "queue", names.queue, {**_queue(settings), "Tags": tags}),
        Declared(
            LOG_GROUP,
            "log group",
            names.log_group(place.region),
            {"RetentionInDays": LOG_RETENTION_DAYS, "Tags": tags},
        ),
        Declared(CONNECTION, "connection", names.connection, _connection(api_key)),
        # After the connection: the secret says which key the connection was given, also to an `up` that follows a kill.
        Declared(SECRET, "secret", names.secret, {"Value": api_key, "Tags": tags}, after=(CONNECTION,)),
        *(_api_destination(names, flow, place) for flow in flows(names)),
        Declared(
            ROLE, "role", names.role, {"Trust": _trust(names, settings, place), "Policy": _policy(), "Tags": tags}
        ),
        *(
            Declared(
                pipe_address(flow.name),
                "pipe",
                names.pipe(flow.name),
                {**pipe(flow, settings), "Condition": "working", "Tags": tags},
                after=(CACHE,),
                replaced_by=frozenset({"Source", "SourceParameters.DynamoDBStreamParameters.StartingPosition"}),
            )
            for flow in flows(names)
        ),
        *alarms,
        *_dashboard(names, settings, place, alarms, tags),
    )


def optional(names: StackNames, settings: StackSettings, place: Place, api_key: SecretText) -> tuple[Declared, ...]:
    """The resources that these settings leave out and others have: an `up` or `down` removes those that are there."""
    there = {resource.address for resource in declared(names, settings, place, api_key)}
    all_on = replace(settings, alarms=True, dashboard=True, alarm_email=settings.alarm_email or "nobody@example.com")
    return tuple(each for each in declared(names, all_on, place, api_key) if each.address not in there)


def pipe_address(flow: str) -> str:
    """The address of a flow's pipe."""
    return f"pipe/{flow}"


def destination_address(flow: str) -> str:
    """The address of a flow's API destination."""
    return f"destination/{flow}"


def _table(settings: StackSettings) -> dict[str, Any]:
    """Capacity is what CloudFormation gives a table that names none. Tables are always encrypted at rest."""
    capacity: dict[str, Any] = {"BillingMode": "PAY_PER_REQUEST"}
    if not settings.on_demand:
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        capacity = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    return {
        "AttributeDefinitions": [{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        **capacity,
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "DeletionProtectionEnabled": settings.protection,
        **({"PointInTimeRecovery": True} if settings.recovery else {}),
    }


def _queue(settings: StackSettings) -> dict[str, Any]:
    seconds = settings.letters_days * 24 * 3600
    encryption = {"SqsManagedSseEnabled": "true"} if settings.encrypted_queue else {}
    return {"MessageRetentionPeriod": str(seconds), **encryption}


def _connection(api_key: SecretText) -> dict[str, Any]:
    """The key goes raw into the header; Momento wants no "Bearer"."""
    return {
        "Description": "Connection with API Key Authorization",
        "AuthorizationType": "API_KEY",
        "ApiKeyName": "Authorization",
        "Key": api_key,
    }


def _api_destination(names: StackNames, flow: Flow, place: Place) -> Declared:
    return Declared(
        destination_address(flow.name),
        "API destination",
        names.api_destination(flow.name),
        {
            "Description": flow.description,
            "ConnectionArn": Ref(CONNECTION, "arn"),
            "InvocationEndpoint": place.http_endpoint.rstrip("/") + flow.path,
            "HttpMethod": flow.method,
        },
    )


def _dashboard(
    names: StackNames, settings: StackSettings, place: Place, alarms: tuple[Declared, ...], tags: dict[str, str]
) -> tuple[Declared, ...]:
    if not settings.dashboard:
        return ()
    shown = tuple(each.address for each in alarms if each.kind == "alarm")
    return (declared_dashboard(names, place.region, shown, tags),)


def _trust(names: StackNames, settings: StackSettings, place: Place) -> dict[str, Any]:
    """Who may take on the pipes' role: EventBridge Pipes, and when confined for this stack's pipes only."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "pipes.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if settings.confined_role:
        pipes = [f"arn:{place.partition}:pipes:{place.region}:{place.account}:pipe/{name}" for name in names.pipes]
        statement["Condition"] = {
            "StringEquals": {"aws:SourceAccount": place.account},
            "ArnLike": {"aws:SourceArn": pipes},
        }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _policy() -> dict[str, Any]:
    """What the pipes may do: call the destinations, read the stream, send dead letters."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["events:InvokeApiDestination"],
                "Resource": [
                    Ref(destination_address(flow), "arn") for flow in (CACHE_PUT, TOPIC_PUBLISH, CACHE_DELETE)
                ],
            },
            {
                "Effect": "Allow",
                "Action": [
                    "dynamodb:DescribeStream",
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:ListStreams",
                ],
                "Resource": [Ref(TABLE, "stream_arn")],
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
                "Resource": [Ref(QUEUE, "arn")],
            },
        ],
    }


def pipe(flow: Flow, settings: StackSettings) -> dict[str, Any]:
    """A pipe's parameters: its attempts, then the dead-letter queue; every execution logged with its data."""
    stream: dict[str, Any] = {
        "BatchSize": 1,
        "StartingPosition": "TRIM_HORIZON" if settings.from_oldest else "LATEST",
        "MaximumRetryAttempts": settings.retries,
        "DeadLetterConfig": {"Arn": Ref(QUEUE, "arn")},
    }
    if settings.max_age_s >= 0:
        stream["MaximumRecordAgeInSeconds"] = settings.max_age_s
    source: dict[str, Any] = {"DynamoDBStreamParameters": stream}
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
        "Source": Ref(TABLE, "stream_arn"),
        "SourceParameters": source,
        "Target": Ref(destination_address(flow.name), "arn"),
        "TargetParameters": target,
        "RoleArn": Ref(ROLE, "arn"),
        "LogConfiguration": {
            "CloudwatchLogsLogDestination": {"LogGroupArn": Ref(LOG_GROUP, "arn")},
            "Level": "INFO",
            "IncludeExecutionData": ["ALL"],
        },
    }
