"""The Pipes API as boto3 sees it, through the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from tests.support.running_pipes import ACCOUNT, REGION, Stage, stage, until


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


async def refused(at: Stage, operation: str, **arguments: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message of a call that must be refused."""
    with pytest.raises(ClientError) as error:
        await at.pipes(operation, **arguments)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


async def gone(at: Stage) -> None:
    """Wait until there is no pipe."""
    await until(lambda: not at.service.status(), "the pipe to be gone")


async def test_a_pipe_gives_back_everything_it_was_made_with(at: Stage) -> None:
    settings = {
        **at.settings(pattern='{"eventName":["INSERT"]}', template='{"a": <$.eventName>}'),
        "Description": "puts",
        "DesiredState": "RUNNING",
        "Tags": {"project": "weather"},
    }

    created = await at.pipes("create_pipe", **settings)
    assert created["Arn"] == f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/{settings['Name']}"
    assert (created["CurrentState"], created["DesiredState"]) == ("CREATING", "RUNNING")
    assert datetime.now(UTC) - created["CreationTime"] < timedelta(minutes=1)
    await at.await_state("RUNNING")

    described = await at.pipes("describe_pipe", Name=settings["Name"])
    assert described["CurrentState"] == "RUNNING"
    assert {name: described[name] for name in settings} == settings


async def test_a_description_has_what_nobody_set_and_a_reason_as_on_aws(at: Stage) -> None:
    settings = at.settings()
    del settings["TargetParameters"]
    await at.pipes("create_pipe", **settings)
    name = await at.await_state("RUNNING")
    described = await at.pipes("describe_pipe", Name=name)
    assert (described["EnrichmentParameters"], described["TargetParameters"], described["Tags"]) == ({}, {}, {})
    assert "Enrichment" not in described
    assert described["StateReason"] == "No records processed"
    await at.pipes("stop_pipe", Name=name)
    await at.await_state("STOPPED")
    (listed,) = (await at.pipes("list_pipes"))["Pipes"]
    assert listed["StateReason"] == "USER_INITIATED"
    assert at.status()["state_reason"] == "", "nothing is wrong"


async def test_a_batch_size_that_was_not_given_shows_as_100(at: Stage) -> None:
    settings = at.settings()
    del settings["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"]
    await at.pipes("create_pipe", **settings)
    described = await at.pipes("describe_pipe", Name=settings["Name"])
    assert described["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] == 100


async def test_a_name_is_taken_once(at: Stage) -> None:
    await at.pipes("create_pipe", **at.settings())
    code, status, message = await refused(at, "create_pipe", **at.settings())
    assert (code, status) == ("ConflictException", 409)
    assert "already exists" in message


@pytest.mark.parametrize("operation", ["describe_pipe", "start_pipe", "stop_pipe", "delete_pipe"])
async def test_what_is_not_there_is_not_found(at: Stage, operation: str) -> None:
    code, status, _ = await refused(at, operation, Name="nobody")
    assert (code, status) == ("NotFoundException", 404)


async def test_the_tags_of_a_pipe_of_another_name_or_region_are_not_found(at: Stage) -> None:
    for region in (REGION, "eu-west-1"):
        arn = f"arn:aws:pipes:{region}:{ACCOUNT}:pipe/nobody"
        code, _, _ = await refused(at, "list_tags_for_resource", resourceArn=arn)
        assert code == "NotFoundException"


def changed(settings: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Settings with the value at a dotted path replaced."""
    *parents, last = path.split(".")
    inner = settings
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return settings


FILTERS = "SourceParameters.FilterCriteria"
STREAM = "SourceParameters.DynamoDBStreamParameters"
REDACTED = 'does not match input string "***Sensitive Data Redacted***"]'


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (FILTERS, {"Filters": [{"Pattern": "{"}]}, "Invalid Event Pattern"),
        (FILTERS, {"Filters": [{"Pattern": "{}"}]}, "Invalid Event Pattern. Reason: Empty objects are not allowed"),
        (
            FILTERS,
            {"Filters": [{"Pattern": '{"a":[1]}'}] * 6},
            "[array is too long: must have at most 5 elements but instance has 6 elements]",
        ),
        ("TargetParameters.InputTemplate", "<aws.pipes.bogus>", "Invalid json path reference or predefined variable"),
        ("Source", "arn:aws:dynamodb:eu-west-1:123456789012:table/T/stream/L", "cross-region pipe is not permitted."),
        ("Source", "arn:aws:sqs:us-west-2:123456789012:q", "Only DynamoDB streams"),
        ("Target", "arn:aws:lambda:us-west-2:123456789012:function:f", "Only API destinations"),
        ("SourceParameters", {}, "Missing required parameter."),
        ("LogConfiguration", {"Level": "INFO"}, "Must provide at least 1 log destination in LogConfiguration"),
        (f"{STREAM}.DeadLetterConfig", {"Arn": "arn:aws:sqs:us-west-2:123456789012:q.fifo"}, "FIFO"),
        (
            f"{STREAM}.MaximumRetryAttempts",
            10_001,
            "[numeric instance is greater than the required maximum (maximum: 10000, found: 10001)]",
        ),
        (f"{STREAM}.StartingPosition", "SOON", '[instance value ("SOON") not found in enum (possible values: ['),
        ("Description", "x" * 513, "is too long (length: 513, maximum allowed: 512)]"),
        ("DesiredState", "GONE", '(possible values: ["RUNNING","STOPPED"])]'),
        (
            "TargetParameters.SqsQueueParameters",
            {},
            '{"ValidationErrorFields":[{"Name":"SqsQueueParameters",'
            '"Message":"Invalid target parameter provided for target."}]}',
        ),
        (
            "SourceParameters.SqsQueueParameters",
            {},
            '{"ValidationErrorFields":[{"Name":"SqsQueueParameters",'
            '"Message":"Invalid source parameter provided for source."}]}',
        ),
        (
            "LogConfiguration.S3LogDestination",
            {"BucketName": "b" * 3, "BucketOwner": "123456789012", "OutputFormat": "plain"},
            "w3c and plain output formats are not supported by Pipes",
        ),
        ("Enrichment", "arn:aws:lambda:us-west-2:123456789012:function:f", "Enrichments"),
    ],
)  # fmt: skip
async def test_a_pipe_that_cannot_run_is_refused(at: Stage, path: str, value: Any, words: str) -> None:
    code, status, message = await refused(at, "create_pipe", **changed(at.settings(), path, value))
    assert (code, status) == ("ValidationException", 400)
    assert words in message
    assert at.service.status() == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("Source", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Nothing/stream/L", "Cannot access stream"),
        ("Target", f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/nothing/u", "does not exist"),
        (f"{STREAM}.DeadLetterConfig", {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:nothing"}, "sending message to SQS"),
    ],
)
async def test_a_pipe_whose_parts_are_missing_fails_and_says_why(at: Stage, path: str, value: Any, words: str) -> None:
    settings = changed(at.settings(), path, value)
    await at.pipes("create_pipe", **settings)
    name = await at.await_state("CREATE_FAILED")

    described = await at.pipes("describe_pipe", Name=name)
    assert words in described["StateReason"]
    code, _, _ = await refused(at, "start_pipe", Name=name)
    assert code == "ConflictException"
    await at.pipes("delete_pipe", Name=name)
    await gone(at)
    await at.create_pipe()


async def test_a_pipe_can_be_made_stopped_and_misses_nothing_once_it_starts(at: Stage) -> None:
    await at.pipes("create_pipe", **{**at.settings(), "DesiredState": "STOPPED"})
    name = await at.await_state("STOPPED")
    await at.put("Oslo", MaxTemp=1)

    answer = await at.pipes("start_pipe", Name=name)
    assert (answer["CurrentState"], answer["DesiredState"]) == ("STARTING", "RUNNING")

    await at.settled(1)
    assert len(at.endpoint.calls) == 1


async def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(at: Stage) -> None:
    name = await at.create_pipe()
    assert (await at.pipes("start_pipe", Name=name))["CurrentState"] == "RUNNING"
    assert (await at.pipes("stop_pipe", Name=name))["CurrentState"] == "STOPPING"
    await at.await_state("STOPPED")
    assert (await at.pipes("stop_pipe", Name=name))["CurrentState"] == "STOPPED"


async def test_a_pipe_in_transition_is_left_alone(at: Stage) -> None:
    name = await at.create_pipe()
    at.endpoint.delay_s = 0.5
    await at.put("Oslo", MaxTemp=1)
    await until(lambda: at.endpoint.calls, "a request under way")
    # The stop gives the request a moment, in which the pipe is STOPPING.
    calls = [asyncio.create_task(at.pipes("stop_pipe", Name=name)) for _ in range(2)]
    errors = [error for error in await asyncio.gather(*calls, return_exceptions=True) if error is not None]
    assert [e.response["Error"]["Code"] for e in errors if isinstance(e, ClientError)] == ["ConflictException"]


async def test_an_update_takes_effect_and_keeps_the_place_in_the_stream(at: Stage) -> None:
    name = await at.create_pipe()
    await at.put("one", MaxTemp=1)
    await at.settled(1)

    answer = await at.pipes(
        "update_pipe",
        Name=name,
        RoleArn=await at.role("other"),
        TargetParameters={"InputTemplate": "only <$.dynamodb.Keys.Location.S>"},
    )
    assert answer["CurrentState"] == "UPDATING"
    await at.put("two", MaxTemp=2)
    await at.settled(2)

    assert at.endpoint.calls[-1].body == "only two"
    described = await at.pipes("describe_pipe", Name=name)
    assert described["RoleArn"].endswith(f"/other-{at.id}")
    assert described["TargetParameters"]["HttpParameters"] == at.settings()["TargetParameters"]["HttpParameters"]
    assert described["LastModifiedTime"] > described["CreationTime"]


async def test_a_refused_update_changes_nothing(at: Stage) -> None:
    name = await at.create_pipe()
    code, _, _ = await refused(
        at,
        "update_pipe",
        Name=name,
        RoleArn=await at.role("other"),
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
    )
    assert code == "ValidationException"
    described = await at.pipes("describe_pipe", Name=name)
    assert described["CurrentState"] == "RUNNING"
    assert described["RoleArn"].endswith(f"/pipe-{at.id}")


async def test_an_update_to_a_missing_destination_fails_and_keeps_the_old_settings(at: Stage) -> None:
    name = await at.create_pipe()
    missing = f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/nothing/u"
    await at.pipes("update_pipe", Name=name, RoleArn=at.settings()["RoleArn"], Target=missing)
    await at.await_state("UPDATE_FAILED")
    assert (await at.pipes("describe_pipe", Name=name))["Target"] == at.destination_arn

    await at.put("Oslo", MaxTemp=1)
    await at.pipes("start_pipe", Name=name)
    await at.settled(1)


async def test_a_deleted_pipe_delivers_nothing_more(at: Stage) -> None:
    name = await at.create_pipe()
    answer = await at.pipes("delete_pipe", Name=name)
    assert answer["CurrentState"] == "DELETING"
    await gone(at)

    await at.put("Oslo", MaxTemp=1)
    await asyncio.sleep(0.05)
    assert at.endpoint.calls == []


async def test_pipes_are_listed_in_pages_and_by_what_they_are(at: Stage) -> None:
    for name in ("b-2", "a-1", "b-1"):
        await at.pipes("create_pipe", **{**at.settings(), "Name": name, "DesiredState": "STOPPED"})
        await at.await_state("STOPPED", name)
    await at.pipes("start_pipe", Name="b-1")
    await at.await_state("RUNNING", "b-1")

    async def names(**arguments: Any) -> list[str]:
        return [pipe["Name"] for pipe in (await at.pipes("list_pipes", **arguments))["Pipes"]]

    assert await names() == ["a-1", "b-1", "b-2"]
    assert await names(NamePrefix="b-") == ["b-1", "b-2"]
    assert await names(CurrentState="RUNNING") == ["b-1"]
    assert await names(DesiredState="STOPPED") == ["a-1", "b-2"]
    assert await names(SourcePrefix=at.stream_arn, TargetPrefix="arn:aws:events") == ["a-1", "b-1", "b-2"]
    assert await names(TargetPrefix="arn:aws:lambda") == []
    first = await at.pipes("list_pipes", Limit=2)
    assert [pipe["Name"] for pipe in first["Pipes"]] == ["a-1", "b-1"]
    assert await names(Limit=2, NextToken=first["NextToken"]) == ["b-2"]
    code, _, _ = await refused(at, "list_pipes", NextToken="%%%")
    assert code == "ValidationException"


async def test_tags_are_added_listed_and_removed(at: Stage) -> None:
    created = await at.pipes("create_pipe", **{**at.settings(), "Tags": {"a": "1"}})
    arn = created["Arn"]
    await at.pipes("tag_resource", resourceArn=arn, tags={"b": "2", "c": "3"})
    await at.pipes("untag_resource", resourceArn=arn, tagKeys=["a", "c"])
    assert (await at.pipes("list_tags_for_resource", resourceArn=arn))["tags"] == {"b": "2"}


async def test_a_refusal_has_the_wire_format_of_rest_json(at: Stage) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/pipes/p",
        "query_string": b"",
        "headers": [(b"authorization", b"AWS4-HMAC-SHA256 Credential=AKID/20260101/us-west-2/pipes/aws4_request, x")],
    }
    await at.service.asgi(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (b"x-amzn-errortype", b"ValidationException") in sent[0]["headers"]
    assert "Could not parse" in json.loads(sent[1]["body"])["message"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"PathParameterValues": ["my-cache", " "]}, REDACTED),
        ({"QueryStringParameters": {"key": "a\x01b"}}, REDACTED),
        ({"QueryStringParameters": {"key": "k" * 513}}, "is too long (length: 513, maximum allowed: 512)"),
        ({"HeaderParameters": {"two words": "x"}}, 'does not match input string "two words"]'),
        ({"HeaderParameters": {"X-City": "Zürich"}}, REDACTED),
    ],
)
async def test_http_parameters_that_the_model_does_not_take_are_refused(
    at: Stage, parameters: dict[str, Any], words: str
) -> None:
    settings = at.settings()
    settings["TargetParameters"] = {"HttpParameters": parameters}
    code, status, message = await refused(at, "create_pipe", **settings)
    assert (code, status) == ("ValidationException", 400)
    assert words in message
    assert at.service.status() == []


async def test_tag_names_of_aws_itself_are_refused(at: Stage) -> None:
    words = "aws: prefixed tag key names are not allowed for external use."
    assert (await refused(at, "create_pipe", **at.settings(), Tags={"aws:x": "y"}))[2] == words
    await at.create_pipe()
    arn = (await at.pipes("describe_pipe", Name=f"pipe-{at.id}"))["Arn"]
    assert (await refused(at, "tag_resource", resourceArn=arn, tags={"AWS:x": "y"}))[2] == words


async def test_a_body_that_is_nested_too_deeply_is_refused(at: Stage) -> None:
    deep = {"FilterCriteria": {"Filters": [{"Pattern": "[" * 4096}]}}
    settings = at.settings()
    code, status, message = await refused(
        at, "create_pipe", **{**settings, "SourceParameters": {**settings["SourceParameters"], **deep}}
    )
    assert (code, status) == ("ValidationException", 400)
    assert "Invalid Event Pattern" in message
