"""What the AWS port lets through to the emulator: each service of the emulator that is not served is refused before."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator

import botocore.session
import pytest
from botocore.parsers import create_parser
from ministack.app import SERVICE_NAME_ALIASES, SERVICE_REGISTRY
from ministack.core.router import SERVICE_PATTERNS

from sandbox.aws.allowed import EMULATED, SERVICES, Service
from sandbox.aws.door import Door
from sandbox.loopback_only import LoopbackOnly
from tests.support.signed_requests import (
    FORM,
    HOST,
    KEY_ID,
    SECRET,
    Answer,
    Recorder,
    Sent,
    ask,
    form_call,
    json_call,
    presigned,
    signed,
)

#: What others of the emulator's services are called by when nothing is signed for them.
ACTIONS = ("CreateStack", "RunInstances", "AssumeRole", "CreateFunction", "SendEmail", "CreateDBInstance", "Nothing")
PATHS = ("/2015-03-31/functions", "/_aws/execute-api/a/b", "/_ministack/reset", "/bucket/key", "/clusters", "/v2/apis")


def through(sent: Sent, pieces: list[bytes] | None = None) -> tuple[Recorder, Answer]:
    """What reached the emulator, and the answer."""
    recorder = Recorder()
    return recorder, ask(LoopbackOnly(Door(recorder, KEY_ID, SECRET)), sent, pieces)


def targets(service: str) -> Iterator[str]:
    """The X-Amz-Targets that the emulator knows a service by."""
    for prefix in SERVICE_PATTERNS.get(service, {}).get("target_prefixes", ()):
        yield f"{prefix}.Anything"


def attempts(service: str) -> Iterator[Sent]:
    """Calls of one of the emulator's services, by every way in which the emulator finds a service."""
    for scope in (service, "dynamodb", "iam", "pipes"):
        for target in targets(service):
            yield json_call(scope, target)
            yield signed(scope, target="/v1/pipes", headers={"X-Amz-Target": target}, method="GET")
    yield json_call(service, "DynamoDB_20120810.ListTables")
    for action in ACTIONS:
        yield form_call(service, f"Action={action}")
        yield presigned(service, f"/?Action={action}")
    for path in (*PATHS, *SERVICE_PATTERNS.get(service, {}).get("path_prefixes", ())):
        for method in ("GET", "POST", "PUT", "HEAD"):
            yield signed(service, method, path)
            yield signed("sns", method, path)


#: Pipes is served, by the sandbox's own service: the gateway never hands it to the emulator.
NOT_SERVED = {*SERVICE_REGISTRY, *SERVICE_NAME_ALIASES} - {service.name for service in SERVICES}


@pytest.mark.parametrize("service", sorted(NOT_SERVED))
def test_every_service_of_the_emulator_that_is_not_served_is_refused_before_it(service: str) -> None:
    reached, refused = [], 0
    for sent in attempts(service):
        recorder, answer = through(sent)
        reached += [sent] * len(recorder.scopes)
        refused += answer.status in (400, 403)
    assert not reached
    assert refused


def test_the_emulator_is_told_to_serve_the_same() -> None:
    assert set(EMULATED) <= set(SERVICE_REGISTRY)
    assert {"lambda", "cloudformation", "s3", "states", "ecs", "ec2"}.isdisjoint(EMULATED)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_is_served_exists_and_the_rest_of_the_service_is_refused(service: Service) -> None:
    session = botocore.session.get_session()
    name = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}.get(service.name, service.name)
    operations = set(session.get_service_model(name).operation_names)
    assert service.reads | service.writes <= operations
    if service.name == "pipes":
        return
    for operation in operations:
        call = form_call(service.signing_name, f"Action={operation}&Protocol=sqs")
        if service.target:
            call = json_call(service.signing_name, f"{service.target}.{operation}")
        recorder, _ = through(call)
        assert bool(recorder.scopes) == service.serves(operation), operation


@pytest.mark.parametrize(
    "sent",
    [
        form_call("sns", "Action=Subscribe&Protocol=http&Endpoint=http://127.0.0.1"),
        form_call("sns", "Action=Subscribe&Protocol=lambda"),
        form_call("sns", "Action=Subscribe&Protocol=sqs&Protocol=http"),
        form_call("sns", "Action=Subscribe"),
        form_call("sts", "Action=GetCallerIdentity&Action=AssumeRole"),
        form_call("sts", "Action=AssumeRole"),
        form_call("iam", "Action=%47etRole%00"),
        form_call("dynamodb", "Action=ListTables"),
        signed("sts", "GET", "/?Action=AssumeRole"),
        signed("sns", "GET", "/?Action=CreateTopic&Name=a"),
        presigned("sns", "/?Action=DeleteTopic"),
        signed("sts", body=b"Action=GetCallerIdentity", headers={"Content-Type": "text/plain"}),
        signed("sts", body=b"Action=GetCallerIdentity", headers={"Content-Type": "multipart/form-data"}),
        signed("sts", target="/queue", body=b"Action=GetCallerIdentity", headers={"Content-Type": FORM}),
        json_call("dynamodb", "AmazonSQS.ListQueues"),
        json_call("dynamodb", "DynamoDB_20120810.ExportTableToPointInTime"),
        json_call("events", "AWSEvents.PutTargets"),
        json_call("secretsmanager", "secretsmanager.RotateSecret"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables", target="/2015-03-31/functions"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables", target="/?Action=CreateStack"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables", method="PUT"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables").added("x-amz-target", "AWSLambda.Invoke"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables").added("Host", "lambda.localhost"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables").added("Authorization", "AWS4-HMAC-SHA256 a"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables", host="lambda.us-east-1.amazonaws.com"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables", host="a.execute-api.localhost"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables").added("Origin", f"http://{HOST}"),
        json_call("dynamodb", "DynamoDB_20120810.ListTables").added("Sec-Fetch-Site", "same-site"),
        signed("monitoring", target="/service/GraniteServiceVersion20100801/operation/Nothing"),
        signed("monitoring", target="/service/Lambda/operation/ListMetrics"),
        signed("pipes", "GET", "/v1/pipes/../../2015-03-31/functions"),
        signed("pipes", "GET", "//v1/pipes"),
    ],
)
def test_a_good_signature_opens_nothing_that_is_not_served(sent: Sent) -> None:
    recorder, answer = through(sent)
    assert not recorder.scopes
    assert answer.status in (400, 403)


def test_what_reaches_the_emulator_is_made_anew() -> None:
    noted = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "X-Amz-Note": "n", "Cookie": "c", "User-Agent": "lambda"}
    recorder, answer = through(signed("dynamodb", body=b"{}", headers=noted))
    (scope,) = recorder.scopes
    assert (scope["method"], scope["raw_path"], scope["query_string"]) == ("POST", b"/", b"")
    headers = dict(scope["headers"])
    assert headers.keys() == {b"host", b"content-length", b"authorization", b"content-type", b"x-amz-target"}
    assert KEY_ID.encode() not in headers[b"authorization"]
    assert not any(name.lower().startswith(b"access-control-") for name in answer.headers)


def test_an_address_that_was_presigned_reaches_the_emulator_as_a_form() -> None:
    recorder, answer = through(presigned("sts", "/?Action=GetCallerIdentity&Version=2011-06-15"))
    assert answer.status == 200
    assert recorder.scopes[0]["method"] == "POST"
    assert recorder.bodies == [b"Action=GetCallerIdentity&Version=2011-06-15"]


def test_a_compressed_body_is_inflated_up_to_a_limit() -> None:
    headers = {"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData", "Content-Encoding": "gzip"}
    recorder, _ = through(signed("monitoring", body=gzip.compress(b"{}"), headers=headers))
    assert recorder.bodies == [b"{}"]
    for body in (gzip.compress(bytes(50_000_000)), b"not compressed", gzip.compress(b"{}")[:-3]):
        recorder, answer = through(signed("monitoring", body=body, headers=headers))
        assert not recorder.scopes
        assert answer.status in (400, 413)


@pytest.mark.parametrize("key_id", [KEY_ID, "123456789012"])
def test_a_body_is_read_up_to_the_limit_and_only_for_this_runs_key(key_id: str) -> None:
    piece = bytes(65_536)
    sent = json_call("secretsmanager", "secretsmanager.GetSecretValue", key_id=key_id)
    recorder, answer = through(sent, [piece] * 1_000)
    assert not recorder.scopes
    assert (answer.status, answer.taken) == ((413, 5 * 65_536) if key_id == KEY_ID else (400, 0))
    assert answer.headers[b"connection"] == b"close"
    for announced in ("262145", "9" * 5_000):
        _, answer = through(sent.added("Content-Length", announced), [piece] * 1_000)
        assert (answer.status, answer.taken) == ((413, 0) if key_id == KEY_ID else (400, 0))


def test_a_socket_is_refused() -> None:
    closed: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        closed.append(message)

    recorder = Recorder()
    asyncio.run(Door(recorder, KEY_ID, SECRET)({"type": "websocket"}, receive, send))  # type: ignore[arg-type]
    assert closed == [{"type": "websocket.close", "code": 1008}]
    assert not recorder.scopes


@pytest.mark.parametrize(
    ("sent", "service", "protocol"),
    [
        (json_call("sqs", "AmazonSQS.ListQueues", key_id="AKID"), "sqs", "json"),
        (form_call("sns", "Action=ListTopics", key_id="AKID"), "sns", "query"),
        (signed("lambda", "GET", "/2015-03-31/functions/", key_id="AKID"), "lambda", "rest-json"),
        (signed("s3", "GET", "/bucket", key_id="AKID"), "s3", "rest-xml"),
        (signed("route53", "GET", "/2013-04-01/hostedzone", key_id="AKID"), "route53", "rest-xml"),
        (form_call("ec2", "Action=RunInstances", key_id="AKID"), "ec2", "ec2"),
        (
            signed("monitoring", target="/service/GraniteServiceVersion20100801/operation/ListMetrics", key_id="AKID"),
            "cloudwatch",
            "smithy-rpc-v2-cbor",
        ),
    ],
)
def test_a_refusal_is_read_by_botocore_in_every_protocol(sent: Sent, service: str, protocol: str) -> None:
    _, answer = through(sent)
    session = botocore.session.get_session()
    operation = session.get_service_model(service).operation_names[0]
    shape = session.get_service_model(service).operation_model(operation).output_shape
    headers = {name.decode(): value.decode() for name, value in answer.headers.items()}
    response = {"status_code": answer.status, "headers": headers, "body": answer.body}
    error = create_parser(protocol).parse(response, shape)["Error"]  # type: ignore[arg-type]
    assert error["Code"] in ("UnrecognizedClientException", "InvalidClientTokenId")
    assert "python -m sandbox env" in error["Message"]


def test_an_image_of_a_web_page_is_told_in_awss_shape() -> None:
    recorder, answer = through(Sent("GET", "/?Action=CreateStack", [("Host", HOST)]))
    assert (answer.status, recorder.scopes) == (403, [])
    assert b"<Code>MissingAuthenticationToken</Code>" in answer.body
    _, answer = through(Sent("POST", "/", [("Host", HOST), ("X-Amz-Target", "DynamoDB_20120810.Scan")]))
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "MissingAuthenticationTokenException")
