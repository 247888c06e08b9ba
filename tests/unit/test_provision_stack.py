"""The declared stack, held against what the original demo's CloudFormation stack has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision import names, stack
from provision.model import Declared
from provision.names import StackNames
from provision.planner import in_order, resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, PRODUCTION, Profile, StackSettings

PLACE = stack.Place("us-west-2", "123456789012", "https://api.cache.example.com")
OUTPUTS = {
    stack.TABLE: {"stream_arn": "arn:stream"},
    stack.QUEUE: {"arn": "arn:queue"},
    stack.LOG_GROUP: {"arn": "arn:logs"},
    stack.CONNECTION: {"arn": "arn:connection"},
    stack.ROLE: {"arn": "arn:role"},
    **{stack.destination_address(flow): {"arn": f"arn:{flow}"} for flow in names.FLOWS},
}
TAGS = {"Project": "weather-pipeline-dashboard", "Stack": "weather-stats-demo"}


def declared(settings: StackSettings = ORIGINAL, place: stack.Place = PLACE, prefix: str = "") -> dict[str, Declared]:
    made = stack.declared(StackNames(prefix), settings, place, SecretText("the-key"))
    return {resource.address: resource for resource in made}


def attributes(address: str, settings: StackSettings = ORIGINAL) -> dict[str, Any]:
    return resolved(declared(settings)[address].attributes, OUTPUTS)


def test_the_names_are_those_of_the_original() -> None:
    assert [resource.name for resource in declared().values()] == [
        "momento-eventbridge-cache",
        "weather-stats-demo",
        "weather-stats-demo-dlq",
        "weather-stats-demo-logs-us-west-2",
        "weather-stats-demo-connection",
        "momento-eventbridge-api-key",
        "weather-stats-demo-cache-put-api-destination",
        "weather-stats-demo-topic-publish-api-destination",
        "weather-stats-demo-cache-delete-api-destination",
        "AmazonEventBridgePipeWeatherStatsDemoEventToMomentoCache",
        "weather-stats-demo-cache-put-pipe",
        "weather-stats-demo-topic-publish-pipe",
        "weather-stats-demo-cache-delete-pipe",
    ]


def test_the_original_table_queue_and_log_group() -> None:
    assert attributes("table") == {
        "AttributeDefinitions": [{"AttributeName": "Location", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "Location", "KeyType": "HASH"}],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "DeletionProtectionEnabled": False,
        "Tags": TAGS,
    }
    assert attributes("queue") == {"MessageRetentionPeriod": "1209600", "Tags": TAGS}
    assert attributes("log-group") == {"RetentionInDays": 90, "Tags": TAGS}


def test_the_connection_sends_the_bare_key_as_authorization() -> None:
    assert attributes("connection") == {
        "Description": "Connection with API Key Authorization",
        "AuthorizationType": "API_KEY",
        "ApiKeyName": "Authorization",
        "Key": SecretText("the-key"),
    }


@pytest.mark.parametrize(
    ("flow", "method", "endpoint", "description"),
    [
        ("cache-put", "PUT", "https://api.cache.example.com/cache/*", "Cache Set API"),
        ("topic-publish", "POST", "https://api.cache.example.com/topics/*/*", "Topic Publish API"),
        ("cache-delete", "DELETE", "https://api.cache.example.com/cache/*", "Cache Delete API"),
    ],
)
@pytest.mark.parametrize("base", ["https://api.cache.example.com", "https://api.cache.example.com/"])
def test_each_api_destination_calls_its_route(
    flow: str, method: str, endpoint: str, description: str, base: str
) -> None:
    destination = declared(place=stack.Place("us-west-2", "1", base))[f"destination/{flow}"]
    assert resolved(destination.attributes, OUTPUTS) == {
        "Description": description,
        "ConnectionArn": "arn:connection",
        "InvocationEndpoint": endpoint,
        "HttpMethod": method,
    }


@pytest.mark.parametrize("flow", names.FLOWS)
def test_every_original_pipe_tries_once_then_dead_letters_and_logs_everything(flow: str) -> None:
    pipe = attributes(f"pipe/{flow}")
    assert pipe["SourceParameters"]["DynamoDBStreamParameters"] == {
        "BatchSize": 1,
        "StartingPosition": "LATEST",
        "MaximumRetryAttempts": 0,
        "DeadLetterConfig": {"Arn": "arn:queue"},
    }
    assert pipe["LogConfiguration"] == {
        "CloudwatchLogsLogDestination": {"LogGroupArn": "arn:logs"},
        "Level": "INFO",
        "IncludeExecutionData": ["ALL"],
    }
    assert (pipe["Source"], pipe["Target"], pipe["RoleArn"]) == ("arn:stream", f"arn:{flow}", "arn:role")


@pytest.mark.parametrize(
    ("flow", "pattern"),
    [("cache-put", '{"eventName":["INSERT","MODIFY"]}'), ("cache-delete", '{"eventName":["REMOVE"]}')],
)
def test_cache_pipes_filter_by_event_name(flow: str, pattern: str) -> None:
    assert attributes(f"pipe/{flow}")["SourceParameters"]["FilterCriteria"] == {"Filters": [{"Pattern": pattern}]}


def test_the_topic_pipe_takes_every_record() -> None:
    assert "FilterCriteria" not in attributes("pipe/topic-publish")["SourceParameters"]


def test_cache_put_stores_the_record_under_its_location_for_its_ttl() -> None:
    target = attributes("pipe/cache-put")["TargetParameters"]
    assert target["HttpParameters"] == {
        "PathParameterValues": ["momento-eventbridge-cache"],
        "QueryStringParameters": {
            "key": "$.dynamodb.Keys.Location.S",
            "ttl_seconds": "$.dynamodb.NewImage.TTL.N",
        },
    }
    assert _fields(target["InputTemplate"]) == ["Location", "MaxTemp", "MinTemp", "ChancesOfPrecipitation"]


def test_topic_publish_leads_with_the_event_type() -> None:
    target = attributes("pipe/topic-publish")["TargetParameters"]
    assert target["HttpParameters"] == {
        "PathParameterValues": ["momento-eventbridge-cache", "momento-eventbridge-topic"]
    }
    assert _fields(target["InputTemplate"]) == [
        "EventType",
        "Location",
        "MaxTemp",
        "MinTemp",
        "ChancesOfPrecipitation",
    ]


def test_cache_delete_names_the_key_and_has_no_template() -> None:
    assert attributes("pipe/cache-delete")["TargetParameters"] == {
        "HttpParameters": {
            "PathParameterValues": ["momento-eventbridge-cache"],
            "QueryStringParameters": {"key": "$.dynamodb.Keys.Location.S"},
        }
    }


def test_the_role_may_read_the_stream_send_dead_letters_and_call_the_destinations_and_nothing_else() -> None:
    statements = attributes("role")["Policy"]["Statement"]
    allowed = {tuple(statement["Resource"]): set(statement["Action"]) for statement in statements}
    assert allowed[("arn:cache-put", "arn:topic-publish", "arn:cache-delete")] == {"events:InvokeApiDestination"}
    assert {"dynamodb:GetRecords", "dynamodb:DescribeStream", "dynamodb:GetShardIterator"} <= allowed[("arn:stream",)]
    assert "sqs:SendMessage" in allowed[("arn:queue",)]
    assert len(statements) == 3
    assert all("*" not in action for actions in allowed.values() for action in actions)


def test_the_original_role_may_be_taken_on_by_pipes_and_a_confined_one_by_these_three_only() -> None:
    (original,) = attributes("role")["Trust"]["Statement"]
    (confined,) = attributes("role", PRODUCTION)["Trust"]["Statement"]

    assert original == {
        "Effect": "Allow",
        "Principal": {"Service": "pipes.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    assert confined["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert confined["Condition"]["ArnLike"]["aws:SourceArn"] == [
        f"arn:aws:pipes:us-west-2:123456789012:pipe/weather-stats-demo-{flow}-pipe" for flow in names.FLOWS
    ]


def test_production_retries_begins_at_the_oldest_and_protects_the_table() -> None:
    stream = attributes("pipe/cache-put", PRODUCTION)["SourceParameters"]["DynamoDBStreamParameters"]
    table = attributes("table", PRODUCTION)

    assert (stream["StartingPosition"], stream["MaximumRetryAttempts"]) == ("TRIM_HORIZON", 10)
    assert stream["MaximumRecordAgeInSeconds"] == 3600
    assert (table["BillingMode"], "ProvisionedThroughput" in table) == ("PAY_PER_REQUEST", False)
    assert (table["DeletionProtectionEnabled"], table["PointInTimeRecovery"]) == (True, True)
    assert attributes("queue", PRODUCTION)["SqsManagedSseEnabled"] == "true"


def test_a_chosen_setting_wins_over_the_profile() -> None:
    assert StackSettings.of(Profile.PRODUCTION, retries=0, recovery=None) == StackSettings(
        **{**vars(PRODUCTION), "retries": 0}
    )


def test_the_pipes_wait_for_all_that_they_need() -> None:
    order = [resource.address for resource in in_order(list(declared().values()))]

    assert order.index("table") < order.index("role") < order.index("pipe/cache-put")
    assert order.index("connection") < order.index("secret")
    assert order.index("cache") < order.index("pipe/cache-delete")


@pytest.mark.parametrize("prefix", ["", "t", "team-1", "a23456789012345"])
def test_every_name_of_every_prefix_is_within_its_limit(prefix: str) -> None:
    longest = {"role": 64, "pipe": 64, "API destination": 64, "connection": 64, "queue": 80}
    for resource in declared(prefix=prefix, place=stack.Place("ap-southeast-2", "1", "https://x.y")).values():
        assert len(resource.name) <= longest.get(resource.kind, 255), resource.name


@pytest.mark.parametrize("prefix", ["Team", "1st", "a-", "a_b", "a234567890123456", "-a", "a b"])
def test_a_prefix_that_some_name_cannot_carry_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        StackNames(prefix)


def _fields(template: str) -> list[str]:
    """The names in a template; its placeholders are no JSON until Pipes fills them in."""
    return list(json.loads(template.replace("<", '"<').replace(">", '>"')))
