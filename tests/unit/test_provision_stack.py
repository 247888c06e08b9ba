"""The declared stack, held against what the original demo's CloudFormation stack has."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore.validate import ParamValidator

from provision import names, stack

ENDS = stack.PipeEnds(
    stream="arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026-01-01T00:00:00.000",
    destination="arn:aws:events:us-west-2:123456789012:api-destination/x/1",
    queue="arn:aws:sqs:us-west-2:123456789012:weather-stats-demo-dlq",
    role="arn:aws:iam::123456789012:role/x",
    log_group="arn:aws:logs:us-west-2:123456789012:log-group:weather-stats-demo-logs-us-west-2",
)
FLOWS = {flow.name: flow for flow in stack.FLOWS}


def test_the_table_is_keyed_by_location_and_streams_both_images() -> None:
    table = stack.table()
    assert table["TableName"] == "weather-stats-demo"
    assert table["KeySchema"] == [{"AttributeName": "Location", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "Location", "AttributeType": "S"}]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_queue_keeps_messages_for_fourteen_days() -> None:
    assert stack.queue() == {
        "QueueName": "weather-stats-demo-dlq",
        "Attributes": {"MessageRetentionPeriod": "1209600"},
    }


def test_the_connection_sends_the_bare_key_as_authorization() -> None:
    connection = stack.connection("the-key")
    assert connection["Name"] == "weather-stats-demo-connection"
    assert connection["AuthorizationType"] == "API_KEY"
    assert connection["AuthParameters"] == {
        "ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "the-key"}
    }


@pytest.mark.parametrize(
    ("flow", "method", "endpoint"),
    [
        ("cache-put", "PUT", "https://api.cache.example.com/cache/*"),
        ("topic-publish", "POST", "https://api.cache.example.com/topics/*/*"),
        ("cache-delete", "DELETE", "https://api.cache.example.com/cache/*"),
    ],
)
@pytest.mark.parametrize("base", ["https://api.cache.example.com", "https://api.cache.example.com/"])
def test_each_api_destination_calls_its_route(flow: str, method: str, endpoint: str, base: str) -> None:
    destination = stack.api_destination(FLOWS[flow], base, "arn:connection")
    assert destination["Name"] == f"weather-stats-demo-{flow}-api-destination"
    assert (destination["HttpMethod"], destination["InvocationEndpoint"]) == (method, endpoint)
    assert destination["ConnectionArn"] == "arn:connection"


@pytest.mark.parametrize("flow", names.FLOWS)
def test_every_pipe_tries_once_then_dead_letters_and_logs_everything(flow: str) -> None:
    pipe = stack.pipe(FLOWS[flow], ENDS)
    assert pipe["Name"] == f"weather-stats-demo-{flow}-pipe"
    assert pipe["SourceParameters"]["DynamoDBStreamParameters"] == {
        "BatchSize": 1,
        "StartingPosition": "LATEST",
        "MaximumRetryAttempts": 0,
        "DeadLetterConfig": {"Arn": ENDS.queue},
    }
    assert pipe["LogConfiguration"] == {
        "CloudwatchLogsLogDestination": {"LogGroupArn": ENDS.log_group},
        "Level": "INFO",
        "IncludeExecutionData": ["ALL"],
    }
    assert (pipe["Source"], pipe["Target"], pipe["RoleArn"]) == (ENDS.stream, ENDS.destination, ENDS.role)


@pytest.mark.parametrize(
    ("flow", "pattern"),
    [("cache-put", '{"eventName":["INSERT","MODIFY"]}'), ("cache-delete", '{"eventName":["REMOVE"]}')],
)
def test_cache_pipes_filter_by_event_name(flow: str, pattern: str) -> None:
    source = stack.pipe(FLOWS[flow], ENDS)["SourceParameters"]
    assert source["FilterCriteria"] == {"Filters": [{"Pattern": pattern}]}


def test_the_topic_pipe_takes_every_record() -> None:
    assert "FilterCriteria" not in stack.pipe(FLOWS["topic-publish"], ENDS)["SourceParameters"]


def test_cache_put_stores_the_record_under_its_location_for_its_ttl() -> None:
    target = stack.pipe(FLOWS["cache-put"], ENDS)["TargetParameters"]
    assert target["HttpParameters"] == {
        "PathParameterValues": ["momento-eventbridge-cache"],
        "QueryStringParameters": {
            "key": "$.dynamodb.Keys.Location.S",
            "ttl_seconds": "$.dynamodb.NewImage.TTL.N",
        },
    }
    assert _fields(target["InputTemplate"]) == ["Location", "MaxTemp", "MinTemp", "ChancesOfPrecipitation"]


def test_topic_publish_leads_with_the_event_type() -> None:
    target = stack.pipe(FLOWS["topic-publish"], ENDS)["TargetParameters"]
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
    target = stack.pipe(FLOWS["cache-delete"], ENDS)["TargetParameters"]
    assert target == {
        "HttpParameters": {
            "PathParameterValues": ["momento-eventbridge-cache"],
            "QueryStringParameters": {"key": "$.dynamodb.Keys.Location.S"},
        }
    }


def test_the_role_may_read_the_stream_send_dead_letters_and_call_the_destinations_and_nothing_else() -> None:
    statements = json.loads(stack.role_policy("arn:stream", "arn:queue", ["arn:a", "arn:b", "arn:c"]))["Statement"]
    allowed = {tuple(statement["Resource"]): set(statement["Action"]) for statement in statements}
    assert allowed[("arn:a", "arn:b", "arn:c")] == {"events:InvokeApiDestination"}
    assert {"dynamodb:GetRecords", "dynamodb:DescribeStream", "dynamodb:GetShardIterator"} <= allowed[("arn:stream",)]
    assert "sqs:SendMessage" in allowed[("arn:queue",)]
    assert len(statements) == 3
    assert all("*" not in action for actions in allowed.values() for action in actions)


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("dynamodb", "CreateTable", stack.table()),
        ("sqs", "CreateQueue", stack.queue()),
        ("events", "CreateConnection", stack.connection("k")),
        *(("events", "CreateApiDestination", stack.api_destination(f, "https://x.y", "a")) for f in stack.FLOWS),
        *(("pipes", "CreatePipe", stack.pipe(flow, ENDS)) for flow in stack.FLOWS),
    ],
)
def test_botocore_accepts_every_parameter(service: str, operation: str, parameters: dict[str, object]) -> None:
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert not ParamValidator().validate(parameters, shape).has_errors()


def _fields(template: str) -> list[str]:
    """The names in a template; its placeholders are no JSON until Pipes fills them in."""
    return list(json.loads(template.replace("<", '"<').replace(">", '>"')))
