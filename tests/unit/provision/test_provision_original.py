"""The original settings, attribute by attribute, against the CloudFormation template of Momento's demo.

ORIGINAL is what `cdk synth` makes of the demo's stack (momentohq/client-sdk-javascript, examples/nodejs/eventbridge),
written down here by CloudFormation's names: resource, property, value. What CDK generates (logical ids, the name of the
role's policy) and what CloudFormation itself decides (deletion policies) is no attribute of a resource. Two things are
this project's own: records carry names without units, and their own TTL instead of 120 s (facts/momento.md, section 6).
Every property is compared, both ways: one that either side has alone fails.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from core import names
from provision import stack
from provision.model import Declared
from provision.planner import resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL as SETTINGS

ENDPOINT = "https://api.cache.cell-us-west-2-1.prod.a.momentohq.com"
PLACE = stack.Place("us-west-2", "123456789012", ENDPOINT)
#: CloudFormation's `Ref` and `Fn::GetAtt` of the resources, as texts.
OUTPUTS = {
    stack.TABLE: {"stream_arn": "Table.StreamArn"},
    stack.QUEUE: {"arn": "Queue.Arn"},
    stack.LOG_GROUP: {"arn": "LogGroup.Arn"},
    stack.CONNECTION: {"arn": "Connection.Arn"},
    stack.ROLE: {"arn": "Role.Arn"},
    **{stack.destination_address(flow): {"arn": f"{flow}.Arn"} for flow in names.FLOWS},
}
LOGS = {
    "CloudwatchLogsLogDestination": {"LogGroupArn": "LogGroup.Arn"},
    "Level": "INFO",
    "IncludeExecutionData": ["ALL"],
}
STREAM = {
    "BatchSize": 1,
    "StartingPosition": "LATEST",
    "MaximumRetryAttempts": 0,
    "DeadLetterConfig": {"Arn": "Queue.Arn"},
}
CACHE, TOPIC = "momento-eventbridge-cache", "momento-eventbridge-topic"
WEATHER = {
    "Location": "<$.dynamodb.Keys.Location.S>",
    "MaxTemp": "<$.dynamodb.NewImage.MaxTemp.N>",
    "MinTemp": "<$.dynamodb.NewImage.MinTemp.N>",
    "ChancesOfPrecipitation": "<$.dynamodb.NewImage.ChancesOfPrecipitation.N>",
}


def api_destination(flow: str, description: str, path: str, method: str) -> dict[str, Any]:
    return {
        "Name": f"weather-stats-demo-{flow}-api-destination",
        "ConnectionArn": "Connection.Arn",
        "Description": description,
        "HttpMethod": method,
        "InvocationEndpoint": f"{ENDPOINT}{path}",
    }


def pipe(flow: str, events: list[str] | None, target: dict[str, Any]) -> dict[str, Any]:
    filters = {"FilterCriteria": {"Filters": [{"Pattern": {"eventName": events}}]}} if events else {}
    return {
        "Name": f"weather-stats-demo-{flow}-pipe",
        "DesiredState": "RUNNING",
        "RoleArn": "Role.Arn",
        "Source": "Table.StreamArn",
        "SourceParameters": {"DynamoDBStreamParameters": STREAM, **filters},
        "Target": f"{flow}.Arn",
        "TargetParameters": target,
        "LogConfiguration": LOGS,
    }


ORIGINAL: dict[str, dict[str, Any]] = {
    "table": {
        "TableName": "weather-stats-demo",
        "AttributeDefinitions": [{"AttributeName": "Location", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "Location", "KeyType": "HASH"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
    },
    "queue": {"QueueName": "weather-stats-demo-dlq", "MessageRetentionPeriod": 1209600},
    "log-group": {"LogGroupName": "weather-stats-demo-logs-us-west-2", "RetentionInDays": 90},
    "secret": {"Name": "momento-eventbridge-api-key", "SecretString": SecretText("the-key")},
    "connection": {
        "Name": "weather-stats-demo-connection",
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": SecretText("the-key")}
        },
        "Description": "Connection with API Key Authorization",
    },
    "destination/cache-put": api_destination("cache-put", "Cache Set API", "/cache/*", "PUT"),
    "destination/topic-publish": api_destination("topic-publish", "Topic Publish API", "/topics/*/*", "POST"),
    "destination/cache-delete": api_destination("cache-delete", "Cache Delete API", "/cache/*", "DELETE"),
    "role": {
        "RoleName": "AmazonEventBridgePipeWeatherStatsDemoEventToMomentoCache",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pipes.amazonaws.com"}}
            ],
        },
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": {"events:InvokeApiDestination"},
                    "Resource": {"cache-put.Arn", "cache-delete.Arn", "topic-publish.Arn"},
                },
                {
                    "Effect": "Allow",
                    "Action": {
                        "dynamodb:DescribeStream",
                        "dynamodb:GetRecords",
                        "dynamodb:GetShardIterator",
                        "dynamodb:ListStreams",
                    },
                    "Resource": {"Table.StreamArn"},
                },
                {
                    "Effect": "Allow",
                    "Action": {
                        "sqs:SendMessage",
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                        "sqs:GetQueueUrl",
                    },
                    "Resource": {"Queue.Arn"},
                },
            ],
        },
    },
    "pipe/cache-put": pipe(
        "cache-put",
        ["INSERT", "MODIFY"],
        {
            "InputTemplate": WEATHER,
            "HttpParameters": {
                "PathParameterValues": [CACHE],
                "QueryStringParameters": {
                    "key": "$.dynamodb.Keys.Location.S",
                    "ttl_seconds": "$.dynamodb.NewImage.TTL.N",
                },
            },
        },
    ),
    "pipe/topic-publish": pipe(
        "topic-publish",
        None,
        {
            "InputTemplate": {"EventType": "<$.eventName>", **WEATHER},
            "HttpParameters": {"PathParameterValues": [CACHE, TOPIC]},
        },
    ),
    "pipe/cache-delete": pipe(
        "cache-delete",
        ["REMOVE"],
        {
            "HttpParameters": {
                "PathParameterValues": [CACHE],
                "QueryStringParameters": {"key": "$.dynamodb.Keys.Location.S"},
            }
        },
    ),
}
#: The cache is Momento's: the demo's scripts make it, its template does not.
NOT_IN_THE_TEMPLATE = {"cache"}

NAMES = {"table": "TableName", "queue": "QueueName", "log group": "LogGroupName", "role": "RoleName"}


def as_template(address: str) -> dict[str, Any]:
    """A declared resource by CloudFormation's names, its JSON texts read; without our tags, which the demo has not."""
    (resource,) = [each for each in declared() if each.address == address]
    found = resolved(resource.attributes, OUTPUTS)
    found.pop("Tags", None)
    found[NAMES.get(resource.kind, "Name")] = resource.name
    return {"table": _table, "queue": _queue, "connection": _connection, "role": _role, "pipe": _pipe}.get(
        resource.kind, _secret
    )(found)


def declared() -> tuple[Declared, ...]:
    return stack.declared(names.DEFAULT, SETTINGS, PLACE, SecretText("the-key"))


def _table(found: dict[str, Any]) -> dict[str, Any]:
    # CloudFormation calls provisioned capacity by its units alone, has no deletion protection unless it is named, and
    # enables the stream that is specified.
    assert found.pop("BillingMode") == "PROVISIONED"
    assert found.pop("DeletionProtectionEnabled") is False
    assert found["StreamSpecification"].pop("StreamEnabled") is True
    return found


def _queue(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "MessageRetentionPeriod": int(found["MessageRetentionPeriod"])}


def _connection(found: dict[str, Any]) -> dict[str, Any]:
    key = {"ApiKeyName": found.pop("ApiKeyName"), "ApiKeyValue": found.pop("Key")}
    return {**found, "AuthParameters": {"ApiKeyAuthParameters": key}}


def _role(found: dict[str, Any]) -> dict[str, Any]:
    trust, policy = found.pop("Trust"), found.pop("Policy")
    unordered = [
        {**each, "Action": set(each["Action"]), "Resource": set(each["Resource"])} for each in policy["Statement"]
    ]
    return {**found, "AssumeRolePolicyDocument": trust, "PolicyDocument": {**policy, "Statement": unordered}}


def _pipe(found: dict[str, Any]) -> dict[str, Any]:
    assert found.pop("Condition") == "working"
    for each in found["SourceParameters"].get("FilterCriteria", {}).get("Filters", []):
        each["Pattern"] = json.loads(each["Pattern"])
    if "InputTemplate" in found["TargetParameters"]:
        template = found["TargetParameters"]["InputTemplate"]
        found["TargetParameters"]["InputTemplate"] = json.loads(template.replace("<", '"<').replace(">", '>"'))
    # Given to CreatePipe by the kind (tests/unit/provision/test_provision_calls.py).
    return {**found, "DesiredState": "RUNNING"}


def _secret(found: dict[str, Any]) -> dict[str, Any]:
    return {("SecretString" if name == "Value" else name): value for name, value in found.items()}


@pytest.mark.parametrize("address", sorted(ORIGINAL))
def test_a_resource_has_all_properties_of_the_original_and_no_others(address: str) -> None:
    assert as_template(address) == ORIGINAL[address]


def test_there_is_no_resource_that_the_original_does_not_have() -> None:
    assert {resource.address for resource in declared()} == {*ORIGINAL, *NOT_IN_THE_TEMPLATE}


@pytest.mark.parametrize("flow", [names.CACHE_PUT, names.TOPIC_PUBLISH])
def test_the_fields_of_a_template_come_in_the_order_of_the_original(flow: str) -> None:
    template = as_template(f"pipe/{flow}")["TargetParameters"]["InputTemplate"]

    assert list(template) == list(ORIGINAL[f"pipe/{flow}"]["TargetParameters"]["InputTemplate"])
