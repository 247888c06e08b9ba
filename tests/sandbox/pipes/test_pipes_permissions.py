"""What a pipe's role must be allowed, and dead letters to SNS topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.running_pipes import ACCOUNT, REGION, SESSION, Stage, stage, until

STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
ALL = (*STREAM, "sqs:SendMessage", "events:InvokeApiDestination")
PREFIX = "Input parameter is invalid from the request due to : "


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


async def reason_of_failure(at: Stage, role_arn: str) -> str:
    """The StateReason of a pipe that cannot be made with this role."""
    await at.pipes("create_pipe", **{**at.settings(), "RoleArn": role_arn})
    name = await at.await_state("CREATE_FAILED")
    return str((await at.pipes("describe_pipe", Name=name))["StateReason"])


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("dynamodb:GetRecords", "Cannot access stream arn:aws:dynamodb:"),
        ("sqs:SendMessage", "Error occurred while sending message to SQS queue: arn:aws:sqs:"),
        ("events:InvokeApiDestination", "does not have permissions to call InvokeApiDestination"),
    ],
)
async def test_a_pipe_whose_role_lacks_a_right_fails_and_says_which(at: Stage, missing: str, words: str) -> None:
    role = await at.role("weak", *(action for action in ALL if action != missing))
    reason = await reason_of_failure(at, role)
    assert reason.startswith(PREFIX)
    assert words in reason


async def test_a_pipe_whose_role_does_not_exist_fails(at: Stage) -> None:
    assert "does not exist" in await reason_of_failure(at, f"arn:aws:iam::{ACCOUNT}:role/nobody")


async def test_the_rights_that_are_needed_are_enough(at: Stage) -> None:
    await at.pipes("create_pipe", **{**at.settings(), "RoleArn": await at.role("enough", *ALL)})
    await at.await_state("RUNNING")


async def test_without_a_dead_letter_queue_no_right_to_send_is_needed(at: Stage) -> None:
    role = await at.role("enough", *STREAM, "events:InvokeApiDestination")
    await at.pipes("create_pipe", **{**at.settings(DeadLetterConfig={}), "RoleArn": role})
    await at.await_state("RUNNING")


async def test_a_role_with_a_path_is_checked_like_any_other(at: Stage) -> None:
    enough = await at.role("enough", *ALL, path="/service/weather/")
    await at.pipes("create_pipe", **{**at.settings(), "RoleArn": enough, "Name": "enough"})
    await at.await_state("RUNNING", "enough")

    lacking = await at.role("lacking", *STREAM, path="/service/weather/")
    await at.pipes("create_pipe", **{**at.settings(), "RoleArn": lacking, "Name": "lacking"})
    await at.await_state("CREATE_FAILED", "lacking")
    assert at.queue_arn in (await at.pipes("describe_pipe", Name="lacking"))["StateReason"]


async def test_a_role_of_this_name_with_another_path_is_not_the_role(at: Stage) -> None:
    there = await at.role("there", *ALL, path="/service/weather/")
    elsewhere = there.replace("/service/weather/", "/service/")
    await at.pipes("create_pipe", **{**at.settings(), "RoleArn": elsewhere})
    name = await at.await_state("CREATE_FAILED")
    assert f"{elsewhere} does not exist" in (await at.pipes("describe_pipe", Name=name))["StateReason"]


async def test_a_topic_takes_dead_letters_and_hands_them_on(at: Stage) -> None:
    topic = (await at.call("sns.CreateTopic", Name=f"topic-{at.id}"))["TopicArn"]
    await at.call("sns.Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=at.queue_arn)
    at.endpoint.answer = lambda call: web.Response(status=500)
    await at.create_pipe(DeadLetterConfig={"Arn": topic})

    await at.put("Oslo", MaxTemp=1)

    assert (await at.settled(1))["dead_lettered"] == 1
    (notification,) = await at.dead_letters()
    letter = json.loads(notification["Message"])
    assert letter["context"]["condition"] == "RetryAttemptsExhausted"


async def test_a_topic_that_is_missing_fails_the_pipe(at: Stage) -> None:
    settings = at.settings(DeadLetterConfig={"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:nothing"})
    await at.pipes("create_pipe", **settings)
    name = await at.await_state("CREATE_FAILED")
    assert "SNS topic" in (await at.pipes("describe_pipe", Name=name))["StateReason"]


async def allow_only(at: Stage, *actions: str) -> None:
    """Change what the role of the pipes may do, as somebody on the gateway."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = SESSION.client("iam", endpoint_url=at.client.meta.endpoint_url)
    await asyncio.to_thread(iam.put_role_policy, RoleName=f"pipe-{at.id}", PolicyName="p", PolicyDocument=policy)
    iam.close()


async def test_a_role_that_loses_the_right_to_send_keeps_its_dead_letters_until_it_has_it_back(at: Stage) -> None:
    at.endpoint.answer = lambda call: web.Response(status=500)
    name = await at.create_pipe()
    await at.put("Oslo", MaxTemp=1)
    assert (await at.settled(1))["dead_lettered"] == 1

    await allow_only(at, *STREAM, "events:InvokeApiDestination")
    await at.put("Rome", MaxTemp=1)
    await until(lambda: at.status()["state_reason"], "the pipe to say that its dead letter is refused")
    reason = (await at.pipes("describe_pipe", Name=name))["StateReason"]
    assert "AccessDenied" in reason
    assert f"assumed-role/pipe-{at.id}/poller-platform-customer-role-session is not authorized" in reason
    assert len(await at.dead_letters()) == 1

    await allow_only(at, *ALL)
    assert (await at.settled(2))["dead_lettered"] == 2
    assert at.status()["state_reason"] == ""


async def test_a_role_that_loses_the_right_to_invoke_fails_every_attempt(at: Stage) -> None:
    await at.create_pipe(MaximumRetryAttempts=1)
    await allow_only(at, *STREAM, "sqs:SendMessage")
    await at.put("Oslo", MaxTemp=1)

    status = await at.settled(1)
    assert (status["dead_lettered"], status["failed_attempts"], at.endpoint.calls) == (1, 2, [])
    records = await at.log_records("ExecutionFailed", 2)
    error = records[-1]["error"]
    assert (error["httpStatusCode"], error["exceptionType"]) == (400, "AccessDenied")
    assert error["message"].endswith(f"Not allowed to invoke {at.destination_arn}.")

    await allow_only(at, *ALL)
    await at.put("Rome", MaxTemp=1)
    assert (await at.settled(2))["delivered"] == 1


async def test_a_role_that_is_deleted_may_nothing_any_more(at: Stage) -> None:
    await at.create_pipe(DeadLetterConfig={})
    iam = SESSION.client("iam", endpoint_url=at.client.meta.endpoint_url)
    await asyncio.to_thread(iam.delete_role_policy, RoleName=f"pipe-{at.id}", PolicyName="p")
    await asyncio.to_thread(iam.delete_role, RoleName=f"pipe-{at.id}")
    iam.close()
    await at.put("Oslo", MaxTemp=1)
    assert (await at.settled(1))["dropped"] == 1
    assert at.endpoint.calls == []
