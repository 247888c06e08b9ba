"""What botocore raises, told in the dashboard's own errors; and the exact parameters of a few calls."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from core import names
from core.aws import Aws, translated
from core.config import AwsAccess
from core.errors import (
    DashboardError,
    NotAuthorized,
    NotConfigured,
    NotFound,
    ServiceFailed,
    Throttled,
    Unreachable,
)
from services.dead_letters.queue import HOLD_S, DeadLetterQueue
from services.pipes.describe import describe
from services.weather.table import WeatherRecord, WeatherTable

RECORD = WeatherRecord("Oslo", Decimal("70.50"), Decimal("-3"), Decimal(0), 60)


@pytest.fixture(scope="module")
def clients() -> Iterator[Aws]:
    access = AwsAccess("us-west-2", access_key_id="AKIAEXAMPLE", secret_access_key="secret")
    clients = Aws(access)
    yield clients
    clients.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", NotAuthorized),
        ("ExpiredTokenException", NotAuthorized),
        ("UnrecognizedClientException", NotAuthorized),
        ("InvalidSignatureException", NotAuthorized),
        ("SignatureDoesNotMatch", NotAuthorized),
        ("ResourceNotFoundException", NotFound),
        ("NotFoundException", NotFound),
        ("AWS.SimpleQueueService.NonExistentQueue", NotFound),
        ("ProvisionedThroughputExceededException", Throttled),
        ("ThrottlingException", Throttled),
        ("TooManyRequestsException", Throttled),
        ("LimitExceededException", Throttled),
        ("InternalServerError", ServiceFailed),
        ("ValidationException", ServiceFailed),
        ("", ServiceFailed),
    ],
)
def test_an_answer_of_aws_is_told_by_its_code(code: str, kind: type[DashboardError]) -> None:
    with pytest.raises(kind) as caught, translated("Writing Oslo"):
        raise ClientError({"Error": {"Code": code, "Message": "Because."}}, "PutItem")

    assert type(caught.value) is kind
    assert caught.value.what == f"Writing Oslo failed: {code}: Because."
    assert caught.value.advice or kind is ServiceFailed


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), Unreachable),
        (exceptions.ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), Unreachable),
        (exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), Unreachable),
        (exceptions.ConnectionClosedError(endpoint_url="http://127.0.0.1:1"), Unreachable),
        (exceptions.NoCredentialsError(), NotAuthorized),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), NotConfigured),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="expired"), NotAuthorized),
        (exceptions.UnauthorizedSSOTokenError(), NotAuthorized),
        (exceptions.SSOTokenLoadError(error_msg="none"), NotAuthorized),
        (exceptions.CredentialRetrievalError(provider="process", error_msg="exit 1"), NotAuthorized),
        (exceptions.ParamValidationError(report="bad"), ServiceFailed),
        (exceptions.NoRegionError(), NotConfigured),
    ],
)
def test_what_botocore_raises_by_itself_is_told_too(error: Exception, kind: type[DashboardError]) -> None:
    with pytest.raises(DashboardError) as caught, translated("Writing Oslo"):
        raise error

    assert type(caught.value) is kind
    assert caught.value.what.startswith("Writing Oslo failed: ")
    if kind is Unreachable:
        assert "http://127.0.0.1:1" in caught.value.what


def test_what_is_not_of_botocore_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translated("Writing Oslo"):
        raise ZeroDivisionError


def test_a_put_asks_for_the_old_item_and_the_capacity(clients: Aws) -> None:
    with Stubber(clients.patient.dynamodb) as stub:
        stub.add_response(
            "put_item",
            {"ConsumedCapacity": {"CapacityUnits": 1.0}},
            {
                "TableName": names.TABLE,
                "Item": {
                    "Location": {"S": "Oslo"},
                    "MaxTemp": {"N": "70.5"},
                    "MinTemp": {"N": "-3"},
                    "ChancesOfPrecipitation": {"N": "0"},
                    "TTL": {"N": "60"},
                },
                "ReturnValues": "ALL_OLD",
                "ReturnConsumedCapacity": "TOTAL",
            },
        )
        write = WeatherTable(clients).put(RECORD)

    assert (write.kind, write.location, write.capacity_units) == ("INSERT", "Oslo", 1.0)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({}, ""), ({"MaxTemp": {"N": "71"}}, "MODIFY"), ({"Another": {"S": "attribute"}}, "MODIFY")],
)
def test_a_put_over_an_item_knows_whether_it_changed_anything(
    clients: Aws, changed: dict[str, dict[str, str]], kind: str
) -> None:
    with Stubber(clients.patient.dynamodb) as stub:
        stub.add_response("put_item", {"Attributes": {**RECORD.item(), **changed}})

        assert WeatherTable(clients).put(RECORD).kind == kind


def test_a_read_of_the_table_is_strongly_consistent(clients: Aws) -> None:
    with Stubber(clients.dynamodb) as stub:
        stub.add_response(
            "get_item",
            {"ConsumedCapacity": {"CapacityUnits": 0.5}},
            {
                "TableName": names.TABLE,
                "Key": {"Location": {"S": "Oslo"}},
                "ConsistentRead": True,
                "ReturnConsumedCapacity": "TOTAL",
            },
        )
        read = WeatherTable(clients).get("Oslo")

    assert (read.item, read.capacity_units) == (None, 0.5)


def test_a_missing_pipe_is_told_as_missing_and_the_others_are_described(clients: Aws) -> None:
    with Stubber(clients.pipes) as stub:
        stub.add_client_error("describe_pipe", "NotFoundException", "Pipe does not exist.", 404)
        for flow in names.FLOWS[1:]:
            stub.add_response("describe_pipe", {"Name": names.pipe(flow), "CurrentState": "RUNNING"})
        pipes = describe(clients)

    assert [pipe.state for pipe in pipes] == ["MISSING", "RUNNING", "RUNNING"]
    assert "provision up" in pipes[0].reason


def test_a_look_that_fails_half_way_releases_what_it_held(clients: Aws) -> None:
    url = "https://sqs.us-west-2.amazonaws.com/1/q"
    message = {"MessageId": "m", "ReceiptHandle": "handle", "Body": "x", "Attributes": {"SentTimestamp": "1"}}
    with Stubber(clients.sqs) as counted, Stubber(clients.patient.sqs) as stub:
        counted.add_response("get_queue_url", {"QueueUrl": url}, {"QueueName": names.QUEUE})
        counted.add_response("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": "2"}})
        stub.add_response(
            "receive_message",
            {"Messages": [message]},
            {
                "QueueUrl": url,
                "MaxNumberOfMessages": 10,
                "VisibilityTimeout": HOLD_S,
                "WaitTimeSeconds": 1,
                "MessageSystemAttributeNames": ["All"],
            },
        )
        stub.add_client_error("receive_message", "ThrottlingException", "Slow down.")
        stub.add_response(
            "change_message_visibility_batch",
            {"Successful": [], "Failed": []},
            {"QueueUrl": url, "Entries": [{"Id": "0", "ReceiptHandle": "handle", "VisibilityTimeout": 0}]},
        )
        with pytest.raises(Throttled):
            DeadLetterQueue(clients).look()
        stub.assert_no_pending_responses()
