"""Every call that provisioning makes, with its exact parameters, kind by kind: botocore's Stubber refuses any other.

What AWS would answer is reduced to what the kinds read of it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.stub import Stubber

import provision
from core import names
from core.names import StackNames
from provision import stack
from provision.clients import Clients
from provision.kinds.kind import Kind
from provision.kinds.registry import kinds
from provision.model import Declared
from provision.planner import differences, resolved
from provision.secret_text import SecretText
from provision.settings import PRODUCTION, StackSettings
from tests.unit.provision.test_provision_advice import CALLS

ACCOUNT = "123456789012"
REGION = "us-west-2"
NAMES = StackNames("team")
PLACE = stack.Place(REGION, ACCOUNT, "https://api.cache.example.com")
TAGS = {"Project": "weather-pipeline-dashboard", "Stack": "team-weather-stats-demo"}
TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]
SETTINGS = StackSettings(**{**vars(PRODUCTION), "alarm_email": "on-call@example.com"})
KEY = "a-momento-key"


def arn(service: str, resource: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


TABLE, QUEUE, SECRET, ROLE = NAMES.table, NAMES.queue, NAMES.secret, NAMES.role
GROUP = NAMES.log_group(REGION)
TABLE_ARN = arn("dynamodb", f"table/{TABLE}")
STREAM_ARN = f"{TABLE_ARN}/stream/2026-11-28T00:00:00.000"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}"
QUEUE_ARN = arn("sqs", QUEUE)
GROUP_ARN = arn("logs", f"log-group:{GROUP}")
CONNECTION_ARN = arn("events", f"connection/{NAMES.connection}/1")
DESTINATION = NAMES.api_destination("cache-put")
ROLE_ARN = arn("iam", f"role/{ROLE}", region="")
PIPE, PIPE_ARN = NAMES.pipe("topic-publish"), arn("pipes", f"pipe/{NAMES.pipe('topic-publish')}")
TOPIC_ARN = arn("sns", NAMES.alerts)
ALARM, ALARM_ARN = NAMES.alarm("no-topic-deliveries"), arn("cloudwatch", f"alarm:{NAMES.alarm('no-topic-deliveries')}")
BOARD = NAMES.dashboard(REGION)
BOARD_ARN = arn("cloudwatch", f"dashboard/{BOARD}", region="")
OUTPUTS = {
    stack.TABLE: {"arn": TABLE_ARN, "stream_arn": STREAM_ARN},
    stack.QUEUE: {"arn": QUEUE_ARN},
    stack.LOG_GROUP: {"arn": GROUP_ARN},
    stack.CONNECTION: {"arn": CONNECTION_ARN},
    stack.ROLE: {"arn": ROLE_ARN},
    "alerts": {"arn": TOPIC_ARN},
    **{stack.destination_address(flow): {"arn": arn("events", f"api-destination/{flow}/1")} for flow in names.FLOWS},
}
DECLARED = {resource.address: resource for resource in stack.declared(NAMES, SETTINGS, PLACE, SecretText(KEY))}
OUTPUTS |= {address: {"arn": f"arn:{address}"} for address in DECLARED if address.startswith("alarm/")}


def wanted(address: str) -> dict[str, Any]:
    return resolved(DECLARED[address].attributes, OUTPUTS)


@dataclass(frozen=True)
class Call:
    """One call: which client of `Clients`, which method, with which parameters, and what is answered."""

    client: str
    method: str
    parameters: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)


Act: TypeAlias = Callable[[Kind, Declared], Any]


def create(kind: Kind, resource: Declared) -> None:
    kind.create(resource.name, wanted(resource.address))


def delete(kind: Kind, resource: Declared) -> None:
    kind.delete(resource.name)


def update(*changed: str) -> Act:
    return lambda kind, resource: kind.update(resource.name, wanted(resource.address), frozenset(changed))


def observe(kind: Kind, resource: Declared) -> None:
    """What was created is seen, and differs in nothing."""
    found = kind.observe(resource)
    assert found is not None
    assert differences(found.attributes, wanted(resource.address)) == ()


TABLE_SHAPE = {
    "AttributeDefinitions": [{"AttributeName": "Location", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "Location", "KeyType": "HASH"}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
DESCRIBED_TABLE = {
    "TableName": TABLE,
    "TableArn": TABLE_ARN,
    "TableStatus": "ACTIVE",
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
    "DeletionProtectionEnabled": True,
    "LatestStreamArn": STREAM_ARN,
    **TABLE_SHAPE,
}
TABLE_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "table",
        "observe",
        observe,
        [
            Call("dynamodb", "describe_table", {"TableName": TABLE}, {"Table": DESCRIBED_TABLE}),
            Call("dynamodb", "list_tags_of_resource", {"ResourceArn": TABLE_ARN}, {"Tags": TAG_LIST}),
            Call(
                "dynamodb",
                "describe_continuous_backups",
                {"TableName": TABLE},
                {
                    "ContinuousBackupsDescription": {
                        "ContinuousBackupsStatus": "ENABLED",
                        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"},
                    }
                },
            ),
        ],
    ),
    (
        "table",
        "create",
        create,
        [
            Call(
                "dynamodb",
                "create_table",
                {
                    "TableName": TABLE,
                    **TABLE_SHAPE,
                    "BillingMode": "PAY_PER_REQUEST",
                    "DeletionProtectionEnabled": True,
                    "Tags": TAG_LIST,
                },
            )
        ],
    ),
    (
        "table",
        "recovery and tags",
        update("PointInTimeRecovery", "Tags"),
        [
            Call("dynamodb", "describe_table", {"TableName": TABLE}, {"Table": DESCRIBED_TABLE}),
            Call("dynamodb", "tag_resource", {"ResourceArn": TABLE_ARN, "Tags": TAG_LIST}),
            Call(
                "dynamodb",
                "update_continuous_backups",
                {
                    "TableName": TABLE,
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                },
            ),
        ],
    ),
    (
        "table",
        "protection first",
        update("DeletionProtectionEnabled", "BillingMode", "StreamSpecification"),
        [Call("dynamodb", "update_table", {"TableName": TABLE, "DeletionProtectionEnabled": True})],
    ),
    (
        "table",
        "capacity",
        update("BillingMode", "StreamSpecification"),
        [Call("dynamodb", "update_table", {"TableName": TABLE, "BillingMode": "PAY_PER_REQUEST"})],
    ),
    (
        "table",
        "another stream: the old one ends",
        update("StreamSpecification"),
        [
            Call("dynamodb", "describe_table", {"TableName": TABLE}, {"Table": DESCRIBED_TABLE}),
            Call("dynamodb", "update_table", {"TableName": TABLE, "StreamSpecification": {"StreamEnabled": False}}),
        ],
    ),
    (
        "table",
        "no stream: one begins",
        update("StreamSpecification"),
        [
            Call("dynamodb", "describe_table", {"TableName": TABLE}, {"Table": {"TableName": TABLE}}),
            Call(
                "dynamodb",
                "update_table",
                {"TableName": TABLE, "StreamSpecification": TABLE_SHAPE["StreamSpecification"]},
            ),
        ],
    ),
    ("table", "delete", delete, [Call("dynamodb", "delete_table", {"TableName": TABLE})]),
]

QUEUE_ATTRIBUTES = {"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true"}
FIND_QUEUE = Call("sqs", "get_queue_url", {"QueueName": QUEUE}, {"QueueUrl": QUEUE_URL})
QUEUE_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "queue",
        "observe",
        observe,
        [
            FIND_QUEUE,
            Call(
                "sqs",
                "get_queue_attributes",
                {"QueueUrl": QUEUE_URL, "AttributeNames": ["All"]},
                {"Attributes": {**QUEUE_ATTRIBUTES, "QueueArn": QUEUE_ARN}},
            ),
            Call("sqs", "list_queue_tags", {"QueueUrl": QUEUE_URL}, {"Tags": TAGS}),
        ],
    ),
    (
        "queue",
        "create",
        create,
        [Call("sqs", "create_queue", {"QueueName": QUEUE, "Attributes": QUEUE_ATTRIBUTES, "tags": TAGS})],
    ),
    (
        "queue",
        "update",
        update("MessageRetentionPeriod", "Tags"),
        [
            FIND_QUEUE,
            Call("sqs", "tag_queue", {"QueueUrl": QUEUE_URL, "Tags": TAGS}),
            Call("sqs", "set_queue_attributes", {"QueueUrl": QUEUE_URL, "Attributes": QUEUE_ATTRIBUTES}),
        ],
    ),
    ("queue", "delete", delete, [FIND_QUEUE, Call("sqs", "delete_queue", {"QueueUrl": QUEUE_URL})]),
]

FIND_GROUP = Call(
    "logs",
    "describe_log_groups",
    {"logGroupNamePrefix": GROUP},
    {
        "logGroups": [
            {"logGroupName": f"{GROUP}-old", "arn": f"{GROUP_ARN}-old:*"},
            {"logGroupName": GROUP, "arn": f"{GROUP_ARN}:*", "retentionInDays": 90},
        ]
    },
)
KEEP = Call("logs", "put_retention_policy", {"logGroupName": GROUP, "retentionInDays": 90})
GROUP_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "log-group",
        "observe",
        observe,
        [FIND_GROUP, Call("logs", "list_tags_for_resource", {"resourceArn": GROUP_ARN}, {"tags": TAGS})],
    ),
    (
        "log-group",
        "create",
        create,
        [Call("logs", "create_log_group", {"logGroupName": GROUP, "tags": TAGS}), KEEP],
    ),
    (
        "log-group",
        "update",
        update("RetentionInDays", "Tags"),
        [KEEP, FIND_GROUP, Call("logs", "tag_resource", {"resourceArn": GROUP_ARN, "tags": TAGS})],
    ),
    ("log-group", "delete", delete, [Call("logs", "delete_log_group", {"logGroupName": GROUP})]),
]

DESCRIBED_SECRET = {"ARN": arn("secretsmanager", f"secret:{SECRET}-abcdef"), "Tags": TAG_LIST}
SECRET_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "secret",
        "observe",
        observe,
        [
            Call("secrets", "describe_secret", {"SecretId": SECRET}, DESCRIBED_SECRET),
            Call("secrets", "get_secret_value", {"SecretId": SECRET}, {"SecretString": KEY}),
        ],
    ),
    (
        "secret",
        "create",
        create,
        [Call("secrets", "create_secret", {"Name": SECRET, "SecretString": KEY, "Tags": TAG_LIST})],
    ),
    (
        "secret",
        "update",
        update("Value", "Tags"),
        [
            Call("secrets", "tag_resource", {"SecretId": SECRET, "Tags": TAG_LIST}),
            Call("secrets", "put_secret_value", {"SecretId": SECRET, "SecretString": KEY}),
        ],
    ),
    (
        "secret",
        "delete",
        delete,
        [Call("secrets", "delete_secret", {"SecretId": SECRET, "ForceDeleteWithoutRecovery": True})],
    ),
]

CONNECTION = {
    "Name": NAMES.connection,
    "Description": "Connection with API Key Authorization",
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": KEY}},
}
EVENTBRIDGES_SECRET = arn("secretsmanager", "secret:events!connection/team/1-abcdef")
ROUTE = {
    "Name": DESTINATION,
    "Description": "Cache Set API",
    "ConnectionArn": CONNECTION_ARN,
    "InvocationEndpoint": "https://api.cache.example.com/cache/*",
    "HttpMethod": "PUT",
}
EVENTS_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "connection",
        "observe",
        observe,
        [
            Call(
                "events",
                "describe_connection",
                {"Name": NAMES.connection},
                {
                    **CONNECTION,
                    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization"}},
                    "ConnectionArn": CONNECTION_ARN,
                    "ConnectionState": "AUTHORIZED",
                    "SecretArn": EVENTBRIDGES_SECRET,
                },
            ),
            Call(
                "secrets",
                "get_secret_value",
                {"SecretId": EVENTBRIDGES_SECRET},
                {"SecretString": json.dumps({"api_key_name": "Authorization", "api_key_value": KEY})},
            ),
        ],
    ),
    ("connection", "create", create, [Call("events", "create_connection", CONNECTION)]),
    ("connection", "update", update("Key"), [Call("events", "update_connection", CONNECTION)]),
    ("connection", "delete", delete, [Call("events", "delete_connection", {"Name": NAMES.connection})]),
    (
        "destination/cache-put",
        "observe",
        observe,
        [
            Call(
                "events",
                "describe_api_destination",
                {"Name": DESTINATION},
                {
                    **ROUTE,
                    "ApiDestinationArn": arn("events", f"api-destination/{DESTINATION}/1"),
                    "ApiDestinationState": "ACTIVE",
                    "InvocationRateLimitPerSecond": 300,
                },
            )
        ],
    ),
    ("destination/cache-put", "create", create, [Call("events", "create_api_destination", ROUTE)]),
    ("destination/cache-put", "update", update("HttpMethod"), [Call("events", "update_api_destination", ROUTE)]),
    ("destination/cache-put", "delete", delete, [Call("events", "delete_api_destination", {"Name": DESTINATION})]),
]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pipes.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": [arn("pipes", f"pipe/{name}") for name in NAMES.pipes]},
            },
        }
    ],
}
#: What is in it stands in tests/unit/provision/test_provision_original.py.
POLICY = wanted("role")["Policy"]
PUT_POLICY = Call(
    "iam",
    "put_role_policy",
    {"RoleName": ROLE, "PolicyName": "WeatherStatsDemoPipes", "PolicyDocument": json.dumps(POLICY)},
)
BARE_ROLE = {
    "Path": "/",
    "RoleName": ROLE,
    "RoleId": "AROAEXAMPLEEXAMPLE",
    "Arn": ROLE_ARN,
    "CreateDate": datetime(2026, 11, 28, tzinfo=UTC),
}
ONE_POLICY = {"RoleName": ROLE, "PolicyName": "WeatherStatsDemoPipes"}
ROLE_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "role",
        "observe",
        observe,
        [
            Call(
                "iam",
                "get_role",
                {"RoleName": ROLE},
                {"Role": {**BARE_ROLE, "AssumeRolePolicyDocument": json.dumps(TRUST), "Tags": TAG_LIST}},
            ),
            Call("iam", "get_role_policy", ONE_POLICY, {**ONE_POLICY, "PolicyDocument": json.dumps(POLICY)}),
        ],
    ),
    (
        "role",
        "create",
        create,
        [
            Call(
                "iam",
                "create_role",
                {"RoleName": ROLE, "AssumeRolePolicyDocument": json.dumps(TRUST), "Tags": TAG_LIST},
                {"Role": BARE_ROLE},
            ),
            PUT_POLICY,
        ],
    ),
    (
        "role",
        "update",
        update("Trust", "Policy", "Tags"),
        [
            Call("iam", "tag_role", {"RoleName": ROLE, "Tags": TAG_LIST}),
            Call("iam", "update_assume_role_policy", {"RoleName": ROLE, "PolicyDocument": json.dumps(TRUST)}),
            PUT_POLICY,
        ],
    ),
    (
        "role",
        "delete",
        delete,
        [Call("iam", "delete_role_policy", ONE_POLICY), Call("iam", "delete_role", {"RoleName": ROLE})],
    ),
]

LOG_CONFIGURATION = {
    "CloudwatchLogsLogDestination": {"LogGroupArn": GROUP_ARN},
    "Level": "INFO",
    "IncludeExecutionData": ["ALL"],
}
STREAM = {
    "BatchSize": 1,
    "MaximumRetryAttempts": 10,
    "MaximumRecordAgeInSeconds": 3600,
    "DeadLetterConfig": {"Arn": QUEUE_ARN},
}
PIPE_TARGET = {
    "HttpParameters": {"PathParameterValues": [NAMES.cache, NAMES.topic]},
    "InputTemplate": wanted("pipe/topic-publish")["TargetParameters"]["InputTemplate"],
}
CREATED_PIPE = {
    "Name": PIPE,
    "DesiredState": "RUNNING",
    "RoleArn": ROLE_ARN,
    "Source": STREAM_ARN,
    "SourceParameters": {"DynamoDBStreamParameters": {**STREAM, "StartingPosition": "TRIM_HORIZON"}},
    "Target": arn("events", "api-destination/topic-publish/1"),
    "TargetParameters": PIPE_TARGET,
    "LogConfiguration": LOG_CONFIGURATION,
    "Tags": TAGS,
}
UPDATED_PIPE = {
    **{name: CREATED_PIPE[name] for name in ("Name", "RoleArn", "Target", "TargetParameters", "LogConfiguration")},
    "SourceParameters": {"FilterCriteria": {"Filters": []}, "DynamoDBStreamParameters": STREAM},
}
DESCRIBE_PIPE = Call(
    "pipes", "describe_pipe", {"Name": PIPE}, {**CREATED_PIPE, "Arn": PIPE_ARN, "CurrentState": "RUNNING"}
)
PIPE_CASES: list[tuple[str, str, Act, list[Call]]] = [
    ("pipe/topic-publish", "observe", observe, [DESCRIBE_PIPE]),
    ("pipe/topic-publish", "create", create, [Call("pipes", "create_pipe", CREATED_PIPE)]),
    (
        "pipe/topic-publish",
        "update",
        update("SourceParameters", "Tags"),
        [
            DESCRIBE_PIPE,
            Call("pipes", "tag_resource", {"resourceArn": PIPE_ARN, "tags": TAGS}),
            Call("pipes", "update_pipe", UPDATED_PIPE),
        ],
    ),
    (
        "pipe/topic-publish",
        "update of one that failed",
        update("Condition"),
        [Call("pipes", "update_pipe", {**UPDATED_PIPE, "DesiredState": "RUNNING"})],
    ),
    ("pipe/topic-publish", "delete", delete, [Call("pipes", "delete_pipe", {"Name": PIPE})]),
]


def sums(ident: str, namespace: str, metric: str, dimension: str, value: str) -> dict[str, Any]:
    return {
        "Id": ident,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": dimension, "Value": value}],
            },
            "Period": 300,
            "Stat": "Sum",
        },
        "ReturnData": False,
    }


ALARM_PARAMETERS = {
    "AlarmName": ALARM,
    "AlarmDescription": (
        "For 15 minutes the table was written to and nothing was delivered to the topic. "
        "Writes that change nothing, such as the same record again, reach no pipe and count all the same."
    ),
    "Metrics": [
        {
            "Id": "silent",
            "Expression": "IF((writes > 0) AND ((FILL(ran0, 0) - FILL(failed0, 0)) <= 0), 1, 0)",
            "Label": "writes without deliveries",
            "ReturnData": True,
        },
        sums("writes", "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", TABLE),
        sums("ran0", "AWS/EventBridge/Pipes", "Invocations", "PipeName", PIPE),
        sums("failed0", "AWS/EventBridge/Pipes", "ExecutionFailed", "PipeName", PIPE),
    ],
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 3,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC_ARN],
    "OKActions": [TOPIC_ARN],
}
FOUND_ALARM = {
    **ALARM_PARAMETERS,
    "AlarmArn": ALARM_ARN,
    "StateValue": "INSUFFICIENT_DATA",
    # In another order, and without what is a default.
    "Metrics": [
        {name: value for name, value in each.items() if not (name == "ReturnData" and value)}
        for each in reversed(ALARM_PARAMETERS["Metrics"])  # type: ignore[call-overload]
    ],
    "Dimensions": [],
}
FIND_ALARM = {"AlarmNames": [ALARM]}
CLOUDWATCH_TAGS = {"ResourceARN": ALARM_ARN, "Tags": TAG_LIST}
SILENCE = "alarm/no-topic-deliveries"
LETTERS = NAMES.alarm("letters")
ALARM_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        SILENCE,
        "observe",
        observe,
        [
            Call(
                "cloudwatch",
                "describe_alarms",
                {**FIND_ALARM, "AlarmTypes": ["MetricAlarm"]},
                {"MetricAlarms": [FOUND_ALARM]},
            ),
            Call("cloudwatch", "list_tags_for_resource", {"ResourceARN": ALARM_ARN}, {"Tags": TAG_LIST}),
        ],
    ),
    (
        SILENCE,
        "create",
        create,
        [Call("cloudwatch", "put_metric_alarm", {**ALARM_PARAMETERS, "Tags": TAG_LIST})],
    ),
    (
        SILENCE,
        "update",
        update("Metrics", "Tags"),
        [
            Call("cloudwatch", "describe_alarms", FIND_ALARM, {"MetricAlarms": [FOUND_ALARM]}),
            Call("cloudwatch", "tag_resource", CLOUDWATCH_TAGS),
            Call("cloudwatch", "put_metric_alarm", ALARM_PARAMETERS),
        ],
    ),
    (SILENCE, "delete", delete, [Call("cloudwatch", "delete_alarms", FIND_ALARM)]),
    (
        "alarm/letters",
        "create",
        create,
        [
            Call(
                "cloudwatch",
                "put_metric_alarm",
                {
                    "AlarmName": LETTERS,
                    "AlarmDescription": "There are dead letters.",
                    "Namespace": "AWS/SQS",
                    "MetricName": "ApproximateNumberOfMessagesVisible",
                    "Statistic": "Maximum",
                    "Dimensions": [{"Name": "QueueName", "Value": QUEUE}],
                    "Period": 60,
                    "EvaluationPeriods": 1,
                    "Threshold": 0.0,
                    "ComparisonOperator": "GreaterThanThreshold",
                    "TreatMissingData": "notBreaching",
                    "ActionsEnabled": True,
                    "AlarmActions": [TOPIC_ARN],
                    "OKActions": [TOPIC_ARN],
                    "Tags": TAG_LIST,
                },
            )
        ],
    ),
]

#: What is in it stands in tests/unit/provision/test_provision_dashboard.py.
BODY = json.dumps({"widgets": list(wanted("dashboard")["Widgets"].values())})
FIND_BOARD = Call(
    "cloudwatch",
    "get_dashboard",
    {"DashboardName": BOARD},
    {"DashboardArn": BOARD_ARN, "DashboardName": BOARD, "DashboardBody": BODY},
)
PUT_BOARD = {"DashboardName": BOARD, "DashboardBody": BODY}
DASHBOARD_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "dashboard",
        "observe",
        observe,
        [
            FIND_BOARD,
            Call("cloudwatch", "list_tags_for_resource", {"ResourceARN": BOARD_ARN}, {"Tags": TAG_LIST}),
        ],
    ),
    ("dashboard", "create", create, [Call("cloudwatch", "put_dashboard", {**PUT_BOARD, "Tags": TAG_LIST})]),
    (
        "dashboard",
        "update",
        update("Widgets", "Tags"),
        [
            FIND_BOARD,
            Call("cloudwatch", "tag_resource", {"ResourceARN": BOARD_ARN, "Tags": TAG_LIST}),
            Call("cloudwatch", "put_dashboard", PUT_BOARD),
        ],
    ),
    ("dashboard", "delete", delete, [Call("cloudwatch", "delete_dashboards", {"DashboardNames": [BOARD]})]),
]

SUBSCRIBE = Call("sns", "subscribe", {"TopicArn": TOPIC_ARN, "Protocol": "email", "Endpoint": "on-call@example.com"})
SUBSCRIBED = {"Protocol": "email", "Endpoint": "on-call@example.com", "SubscriptionArn": "PendingConfirmation"}
TOPIC_CASES: list[tuple[str, str, Act, list[Call]]] = [
    (
        "alerts",
        "observe",
        observe,
        [
            Call("sns", "list_tags_for_resource", {"ResourceArn": TOPIC_ARN}, {"Tags": TAG_LIST}),
            Call("sns", "list_subscriptions_by_topic", {"TopicArn": TOPIC_ARN}, {"Subscriptions": [SUBSCRIBED]}),
        ],
    ),
    ("alerts", "create", create, [Call("sns", "create_topic", {"Name": NAMES.alerts, "Tags": TAG_LIST}), SUBSCRIBE]),
    (
        "alerts",
        "update",
        update("Email", "Tags"),
        [Call("sns", "tag_resource", {"ResourceArn": TOPIC_ARN, "Tags": TAG_LIST}), SUBSCRIBE],
    ),
    ("alerts", "delete", delete, [Call("sns", "delete_topic", {"TopicArn": TOPIC_ARN})]),
]
CASES = [
    *(*TABLE_CASES, *QUEUE_CASES, *GROUP_CASES, *SECRET_CASES, *EVENTS_CASES, *ROLE_CASES),
    *(*PIPE_CASES, *ALARM_CASES, *DASHBOARD_CASES, *TOPIC_CASES),
]


class NoCaches:
    """Momento is called by nothing here."""

    def list_caches(self) -> tuple[str, ...]:
        raise AssertionError

    def create_cache(self, cache: str) -> object:
        raise AssertionError


@pytest.fixture(scope="module")
def aws() -> Clients:
    return Clients(boto3.Session("key", "secret", region_name=REGION))


@pytest.fixture(scope="module")
def at_work(aws: Clients) -> Mapping[str, Kind]:
    return kinds(aws, NoCaches(), NAMES, ACCOUNT)


@pytest.mark.parametrize(
    ("address", "act", "calls"),
    [(address, act, calls) for address, _, act, calls in CASES],
    ids=[f"{address}: {what}" for address, what, _, _ in CASES],
)
def test_each_act_makes_exactly_these_calls(
    aws: Clients, at_work: Mapping[str, Kind], address: str, act: Act, calls: list[Call]
) -> None:
    with ExitStack() as stubs:
        used = {name: stubs.enter_context(Stubber(getattr(aws, name))) for name in {call.client for call in calls}}
        for call in calls:
            # botocore reads the JSON of policies in place.
            used[call.client].add_response(call.method, deepcopy(call.answer), call.parameters)

        act(at_work[DECLARED[address].kind], DECLARED[address])

        for stub in used.values():
            stub.assert_no_pending_responses()


#: Client of `Clients` → service.
SERVICES = {"secrets": "secretsmanager"}
#: Made by others than the kinds: who runs this, what he may do, and which quotas the account has.
NOT_OF_KINDS = {"sts": {"GetCallerIdentity"}, "secretsmanager": {"RestoreSecret"}}


def test_no_call_of_a_kind_is_left_out_above() -> None:
    """CALLS is what every error of is explained; RestoreSecret has its test in test_provision_kinds.py."""
    made: dict[str, set[str]] = {}
    session = botocore.session.get_session()
    for _, _, _, calls in CASES:
        for call in calls:
            service = SERVICES.get(call.client, call.client)
            model = session.get_service_model(service)
            by_method = {xform_name(name): name for name in model.operation_names}
            made.setdefault(service, set()).add(by_method[call.method])

    assert made == {
        service: set(calls.split()) - NOT_OF_KINDS.get(service, set())
        for service, calls in CALLS.items()
        if set(calls.split()) - NOT_OF_KINDS.get(service, set())
    }


def methods_called(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr
                if node.func.attr == "get_paginator" and isinstance(node.args[0], ast.Constant):
                    yield str(node.args[0].value)


def test_no_call_in_the_source_of_the_kinds_is_left_out_of_the_list() -> None:
    session = botocore.session.get_session()
    known = {
        xform_name(name): (service, name)
        for service in CALLS
        for name in session.get_service_model(service).operation_names
    }
    kinds_folder = Path(provision.__file__).parent / "kinds"
    called = {known[method][1] for method in methods_called(kinds_folder) if method in known}
    listed = {call for calls in CALLS.values() for call in calls.split()}

    assert called - listed == set()
    assert listed - called == {"GetCallerIdentity"}
