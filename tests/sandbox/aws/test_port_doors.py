"""The sandbox's AWS and admin ports over real wires, as a stranger and as a careless client meet them."""

from __future__ import annotations

import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.stack import admin_headers
from sandbox.state import SandboxState
from tests.conftest import AwsClients

ONCE = Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 1})


def client(state: SandboxState, service: str, key_id: str = "", secret: str = "made-up", **options: Any) -> Any:
    """A boto3 client with keys that are not this run's."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=state.aws_endpoint,
        region_name=state.region,
        aws_access_key_id=key_id or state.aws_access_key_id,
        aws_secret_access_key=secret,
        config=ONCE,
        **options,
    )


def raw(url: str, request: bytes) -> bytes:
    """What a port answers to bytes, until it closes the connection."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as wire:
        wire.sendall(request)
        answer = b""
        while piece := wire.recv(65_536):
            answer += piece
        return answer


@pytest.mark.parametrize("key_id", ["", "test", "123456789012"])
def test_made_up_keys_read_no_secret(sandbox_stack: SandboxState, key_id: str) -> None:
    calls = (
        lambda: client(sandbox_stack, "secretsmanager", key_id).list_secrets(),
        lambda: client(sandbox_stack, "pipes", key_id).list_pipes(),
        lambda: client(sandbox_stack, "sns", key_id).list_topics(),
        lambda: client(sandbox_stack, "cloudwatch", key_id).list_metrics(),
        lambda: client(sandbox_stack, "sts", key_id).get_caller_identity(),
    )
    codes = set()
    for call in calls:
        with pytest.raises(ClientError, match=r"python -m sandbox env") as refused:
            call()
        codes.add(refused.value.response["Error"]["Code"])
    assert codes == (
        {"UnrecognizedClientException", "InvalidClientTokenId"}
        if key_id
        else {"InvalidSignatureException", "SignatureDoesNotMatch"}
    )


def test_a_session_token_is_refused_with_the_way_out(sandbox_stack: SandboxState) -> None:
    secret = sandbox_stack.aws_secret_access_key
    with pytest.raises(ClientError, match=r"security token.*python -m sandbox env"):
        client(sandbox_stack, "sts", secret=secret, aws_session_token="left over").get_caller_identity()


@pytest.mark.parametrize("service", ["lambda", "cloudformation", "s3", "stepfunctions", "ecs", "ec2"])
def test_this_runs_keys_open_no_other_service(sandbox_stack: SandboxState, service: str) -> None:
    calls = {
        "lambda": "list_functions",
        "cloudformation": "list_stacks",
        "s3": "list_buckets",
        "stepfunctions": "list_state_machines",
        "ecs": "list_clusters",
        "ec2": "describe_instances",
    }
    with pytest.raises(ClientError, match="The sandbox does not serve"):
        getattr(client(sandbox_stack, service, secret=sandbox_stack.aws_secret_access_key), calls[service])()


def test_a_presigned_address_works_and_changes_nothing(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    def status(service: str, operation: str, method: str = "GET", **parameters: str) -> int:
        url = aws.client(service).generate_presigned_url(operation, parameters, HttpMethod=method)
        address = urlsplit(url)
        wire = http.client.HTTPConnection(address.netloc, timeout=20)
        wire.request(method, f"{address.path or '/'}?{address.query}")
        answer = wire.getresponse().status
        wire.close()
        return answer

    assert status("sts", "get_caller_identity") == 200
    assert status("sts", "get_caller_identity", "POST") == 200
    assert status("pipes", "list_pipes") == 200
    assert status("sns", "create_topic", Name="by-an-image") == 400
    assert aws.client("sns").list_topics()["Topics"] == []


def test_a_body_over_the_limit_is_told_so_and_the_sandbox_works_on(aws: AwsClients) -> None:
    for size in (300_000, 20_000_000):
        with pytest.raises(ClientError, match="larger than 262,144 bytes"):
            aws.client("secretsmanager").put_secret_value(SecretId="any", SecretString="x" * size)
    metrics = [{"MetricName": f"metric-{number}", "Value": 1.0} for number in range(900)]
    aws.client("cloudwatch").put_metric_data(Namespace="Compressed", MetricData=metrics)


@pytest.mark.parametrize("port", ["aws_endpoint", "admin_url"])
def test_endless_heads_and_requests_for_elsewhere_are_cut_off(sandbox_stack: SandboxState, port: str) -> None:
    url = getattr(sandbox_stack, port)
    host = urlsplit(url).netloc.encode()
    endless = b"PUT /faults HTTP/1.1\r\nHost: " + host + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    for request, status in (
        (b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\n" + b"X: " + b"y" * 300_000, b"431"),
        (b"GET /" + b"y" * 300_000, b"431"),
        (endless + b"1;" + b"y" * 300_000, b"431"),
        (endless + b"0\r\n" + b"X: y\r\n" * 50_000, b"431"),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", b"400"),
        (b"CONNECT evil.example:80 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", b"400"),
    ):
        try:
            answer = raw(url, request)
        except (ConnectionResetError, BrokenPipeError):
            continue
        # A door may have refused the stranger before the rest had come.
        assert answer.split(b" ", 2)[1] in (status, b"401", b"403")


@pytest.mark.parametrize("port", ["aws_endpoint", "admin_url"])
def test_an_endless_body_of_a_stranger_is_not_read(sandbox_stack: SandboxState, port: str) -> None:
    url = getattr(sandbox_stack, port)
    head = b"POST / HTTP/1.1\r\nHost: " + urlsplit(url).netloc.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + bytes(65_536) + b"\r\n"
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as wire:
        wire.sendall(head)
        assert wire.recv(9) == b"HTTP/1.1 "
        # What is sent on is passed over for a moment, for the answer to be read, and then cut off.
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            all(wire.sendall(piece) is None for _ in range(200_000))


def test_many_requests_on_one_connection_are_not_taken_for_a_long_head(sandbox_stack: SandboxState) -> None:
    wire = http.client.HTTPConnection(urlsplit(sandbox_stack.admin_url).netloc, timeout=20)
    for _ in range(40):
        wire.request("GET", "/health", headers={"X-Long": "y" * 4_000})
        answer = wire.getresponse()
        answer.read()
        assert answer.status == 200
    wire.request("POST", "/faults", b"[" + b" " * 200_000, admin_headers(sandbox_stack))
    assert wire.getresponse().status == 400
    wire.close()
