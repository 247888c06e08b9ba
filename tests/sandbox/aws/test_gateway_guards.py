"""What the sandbox's ports refuse: web pages, foreign host names, the emulator's own administration, PartiQL writes."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from core.names import TABLE
from sandbox.state import SandboxState
from tests.conftest import AwsClients


def answer(url: str, method: str = "POST", **headers: str) -> int:
    """The status of a request without a signature, as a web page could make it."""
    request = urllib.request.Request(url, method=method, data=b"{}" if method == "POST" else None, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def refusal(url: str, method: str = "POST", **headers: str) -> str:
    """What the answer to such a request says."""
    request = urllib.request.Request(url, method=method, data=b"{}" if method == "POST" else None, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as response:
        return str(response.read().decode())


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_localstack/health"])
def test_the_emulators_administration_is_closed(sandbox_stack: SandboxState, aws: AwsClients, path: str) -> None:
    assert answer(sandbox_stack.aws_endpoint + path) == 403
    assert aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableStatus"] == "ACTIVE"


@pytest.mark.parametrize("port", ["aws_endpoint", "admin_url"])
def test_requests_of_web_pages_are_refused(sandbox_stack: SandboxState, port: str) -> None:
    url = getattr(sandbox_stack, port)
    assert answer(f"{url}/momento/stop", Origin="http://evil.example", **{"Content-Type": "text/plain"}) == 403
    assert answer(f"{url}/health", "GET", Origin="null") == 403


@pytest.mark.parametrize("port", ["aws_endpoint", "admin_url"])
def test_a_foreign_host_name_is_refused(sandbox_stack: SandboxState, port: str) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.", "a.localhost", "localhost@evil.example", ""):
        told = refusal(f"{getattr(sandbox_stack, port)}/health", "GET", Host=host)
        assert "host name" in told, host
    assert "host name" not in refusal(f"{getattr(sandbox_stack, port)}/secret", "GET", Host="localhost:1")


def test_partiql_reads_and_says_that_it_does_not_write(aws: AwsClients) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=TABLE, Item={"Location": {"S": "PartiQL"}, "TTL": {"N": "60"}})
    found = dynamodb.execute_statement(Statement=f"SELECT * FROM \"{TABLE}\" WHERE Location='PartiQL'")
    assert found["Items"][0]["Location"] == {"S": "PartiQL"}
    delete = f"DELETE FROM \"{TABLE}\" WHERE Location='PartiQL'"
    calls = (
        lambda: dynamodb.execute_statement(Statement=delete),
        lambda: dynamodb.batch_execute_statement(Statements=[{"Statement": delete}]),
        lambda: dynamodb.execute_transaction(TransactStatements=[{"Statement": delete}]),
    )
    for call in calls:
        with pytest.raises(ClientError, match="would not reach the stream"):
            call()
    assert "Item" in dynamodb.get_item(TableName=TABLE, Key={"Location": {"S": "PartiQL"}})
    dynamodb.delete_item(TableName=TABLE, Key={"Location": {"S": "PartiQL"}})


@pytest.mark.parametrize(("size", "units"), [(100, 1.0), (4_200, 2.0), (20_000, 5.0)])
def test_a_read_costs_a_unit_for_each_four_kilobytes(aws: AwsClients, size: int, units: float) -> None:
    dynamodb, key = aws.client("dynamodb"), {"Location": {"S": "Large"}}
    dynamodb.put_item(TableName=TABLE, Item={**key, "TTL": {"N": "60"}, "Text": {"S": "x" * size}})
    for strongly, expected in ((True, units), (False, units / 2)):
        read = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=strongly, ReturnConsumedCapacity="TOTAL")
        assert read["ConsumedCapacity"]["CapacityUnits"] == expected
    dynamodb.delete_item(TableName=TABLE, Key=key)
