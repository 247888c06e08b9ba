"""What AWS answers and the sandbox does not: each kind sees a resource as it was declared, whatever AWS fills in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from core import names
from provision import stack
from provision.clients import Clients
from provision.errors import NotYet
from provision.kinds.connection import Connection
from provision.kinds.pipe import Pipe
from provision.kinds.secret import Secret
from provision.kinds.table import Table
from provision.model import Declared, Owner
from provision.planner import differences, resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, PRODUCTION, StackSettings

PLACE = stack.Place("us-west-2", "123456789012", "https://api.cache.example.com")
TAGS = {"Project": "weather-pipeline-dashboard", "Stack": "weather-stats-demo"}
TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]
ARN = {
    stack.TABLE: {"stream_arn": "arn:aws:dynamodb:us-west-2:1:table/weather-stats-demo/stream/2026"},
    stack.QUEUE: {"arn": "arn:aws:sqs:us-west-2:123456789012:weather-stats-demo-dlq"},
    stack.LOG_GROUP: {"arn": "arn:aws:logs:us-west-2:123456789012:log-group:weather-stats-demo-logs-us-west-2"},
    stack.ROLE: {"arn": "arn:aws:iam::123456789012:role/pipes"},
    **{
        stack.destination_address(flow): {"arn": f"arn:aws:events:us-west-2:1:api-destination/{flow}/1"}
        for flow in names.FLOWS
    },
}


@pytest.fixture
def aws() -> Clients:
    return Clients(boto3.Session("key", "secret", region_name="us-west-2"))


@pytest.fixture
def pipes(aws: Clients) -> Iterator[Stubber]:
    with Stubber(aws.pipes) as stub:
        yield stub


def declared(address: str, settings: StackSettings = ORIGINAL) -> Declared:
    made = stack.declared(names.DEFAULT, settings, PLACE, SecretText("the-key"))
    return next(each for each in made if each.address == address)


def wanted(address: str, settings: StackSettings = ORIGINAL) -> dict[str, Any]:
    return resolved(declared(address, settings).attributes, ARN)


def described(flow: str, **changes: Any) -> dict[str, Any]:
    """What DescribePipe is thought to answer on AWS: with the defaults of all that nobody set."""
    found = {key: value for key, value in wanted(f"pipe/{flow}").items() if key != "Condition"}
    stream = {
        **found["SourceParameters"]["DynamoDBStreamParameters"],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "ParallelizationFactor": 1,
    }
    group = ARN[stack.LOG_GROUP]["arn"] + ":*"
    return {
        **found,
        "Name": names.pipe(flow),
        "Arn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{names.pipe(flow)}",
        "CurrentState": "RUNNING",
        "DesiredState": "RUNNING",
        "SourceParameters": {
            "FilterCriteria": {"Filters": []},
            **found["SourceParameters"],
            "DynamoDBStreamParameters": stream,
        },
        "TargetParameters": {
            "InputTemplate": "",
            **found["TargetParameters"],
            "HttpParameters": {
                "HeaderParameters": {},
                "QueryStringParameters": {},
                **found["TargetParameters"]["HttpParameters"],
            },
        },
        "LogConfiguration": {**found["LogConfiguration"], "CloudwatchLogsLogDestination": {"LogGroupArn": group}},
        **changes,
    }


@pytest.mark.parametrize("flow", names.FLOWS)
def test_a_pipe_with_what_aws_fills_in_is_as_declared(aws: Clients, pipes: Stubber, flow: str) -> None:
    pipes.add_response("describe_pipe", described(flow), {"Name": names.pipe(flow)})

    found = Pipe(aws).observe(declared(f"pipe/{flow}"))

    assert found is not None
    assert differences(found.attributes, wanted(f"pipe/{flow}")) == ()
    assert (found.owner, found.passing, found.trouble) == (Owner.STACK, False, "")


@pytest.mark.parametrize(
    ("reason", "retry"),
    [
        (
            "Input parameter is invalid from the request due to : Error occurred while sending message to SQS queue: q",
            True,
        ),
        (
            "... : Cannot access stream arn:x. Please ensure the customer role can perform actions on source stream",
            True,
        ),
        ("... : The provided customer role does not have permissions to call ReceiveMessage on SQS", True),
        ("Stream not found. To resume processing please delete the pipe and create a new one.", False),
    ],
)
def test_a_pipe_that_failed_to_be_created_says_whether_time_may_mend_it(
    aws: Clients, pipes: Stubber, reason: str, retry: bool
) -> None:
    failed = described("cache-put", CurrentState="CREATE_FAILED", StateReason=reason)
    pipes.add_response("describe_pipe", failed, {"Name": names.pipe("cache-put")})

    found = Pipe(aws).observe(declared("pipe/cache-put"))

    assert found is not None
    assert (found.trouble, found.retry) == (f"CREATE_FAILED: {reason}", retry)


def test_a_role_that_pipes_does_not_know_yet_is_no_failure(aws: Clients, pipes: Stubber) -> None:
    pipes.add_client_error("create_pipe", "ValidationException", "Pipes cannot assume role arn:x")

    with pytest.raises(NotYet):
        Pipe(aws).create(names.pipe("cache-put"), wanted("pipe/cache-put"))


def test_a_pipe_is_updated_with_all_that_can_change_and_without_what_is_gone(aws: Clients, pipes: Stubber) -> None:
    attributes = wanted("pipe/topic-publish", PRODUCTION)
    pipes.add_response(
        "update_pipe",
        {},
        {
            "Name": names.pipe("topic-publish"),
            "RoleArn": ARN[stack.ROLE]["arn"],
            "Target": ARN["destination/topic-publish"]["arn"],
            "SourceParameters": {
                "FilterCriteria": {"Filters": []},
                "DynamoDBStreamParameters": {
                    "BatchSize": 1,
                    "MaximumRetryAttempts": 10,
                    "MaximumRecordAgeInSeconds": 3600,
                    "DeadLetterConfig": {"Arn": ARN[stack.QUEUE]["arn"]},
                },
            },
            "TargetParameters": attributes["TargetParameters"],
            "LogConfiguration": attributes["LogConfiguration"],
        },
    )

    Pipe(aws).update(names.pipe("topic-publish"), attributes, frozenset({"SourceParameters"}))

    pipes.assert_no_pending_responses()


def test_a_table_on_its_way_is_not_asked_for_its_backups(aws: Clients) -> None:
    table = {
        "TableName": "weather-stats-demo",
        "TableArn": "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo",
        "TableStatus": "CREATING",
    }
    with Stubber(aws.dynamodb) as stub:
        stub.add_response("describe_table", {"Table": table}, {"TableName": "weather-stats-demo"})
        stub.add_response("list_tags_of_resource", {"Tags": TAG_LIST}, {"ResourceArn": table["TableArn"]})
        found = Table(aws).observe(declared("table", PRODUCTION))

    assert found is not None
    assert (found.passing, "stream_arn" in found.outputs) == (True, False)


def test_the_key_of_a_connection_is_compared_where_its_secret_can_be_read(aws: Clients) -> None:
    connection = {
        "Name": names.CONNECTION,
        "ConnectionArn": "arn:aws:events:us-west-2:1:connection/weather-stats-demo-connection/1",
        "SecretArn": "arn:aws:secretsmanager:us-west-2:1:secret:events!connection/weather-stats-demo/1-abcdef",
        "ConnectionState": "AUTHORIZED",
        "AuthorizationType": "API_KEY",
        "Description": "Connection with API Key Authorization",
        "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization"}},
    }
    content = '{"api_key_name": "Authorization", "api_key_value": "another-key"}'
    with Stubber(aws.events) as events, Stubber(aws.secrets) as secrets:
        for _ in range(2):
            events.add_response("describe_connection", connection, {"Name": names.CONNECTION})
        secrets.add_response("get_secret_value", {"SecretString": content}, {"SecretId": connection["SecretArn"]})
        secrets.add_client_error("get_secret_value", "AccessDeniedException")
        secrets.add_response("get_secret_value", {"SecretString": "the-key"}, {"SecretId": names.SECRET})
        seen = [Connection(aws, names.SECRET).observe(declared("connection")) for _ in range(2)]

    paths = [[each.path for each in differences(found.attributes, wanted("connection"))] for found in seen if found]
    assert paths == [["Key"], []]


def test_a_secret_of_ours_that_is_scheduled_for_deletion_is_taken_back(aws: Clients) -> None:
    name = {"SecretId": names.SECRET}
    with Stubber(aws.secrets) as stub:
        stub.add_client_error("create_secret", "InvalidRequestException", "scheduled for deletion")
        stub.add_response("describe_secret", {"Tags": TAG_LIST}, name)
        stub.add_response("restore_secret", {}, name)
        stub.add_response("put_secret_value", {}, {**name, "SecretString": "the-key"})
        Secret(aws).create(names.SECRET, wanted("secret"))
        stub.assert_no_pending_responses()
