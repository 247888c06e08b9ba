"""Calls into the embedded emulator: JSON services and query services look the same, and so do their errors."""

from __future__ import annotations

import json

import pytest

from sandbox.aws.calls import UNKNOWN_OPERATION, AwsCallFailed
from sandbox.aws.emulator import Emulator
from tests.sandbox.running_pipes import ACCOUNT, REGION

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters"
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/weather/stream/2026"


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(ACCOUNT, 1)


async def a_role(emulator: Emulator, name: str, *actions: str) -> str:
    """A role that may do these things to the queue; its ARN."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust)}
    made = await emulator.call("iam.CreateRole", role, region=REGION)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": QUEUE}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    inline = {"RoleName": name, "PolicyName": "inline", "PolicyDocument": json.dumps(policy)}
    await emulator.call("iam.PutRolePolicy", inline, region=REGION)
    return str(made["Role"]["Arn"])


async def test_a_simulated_policy_answers_for_each_action_and_resource(emulator: Emulator) -> None:
    arn = await a_role(emulator, "sender", "sqs:SendMessage")

    answer = await emulator.call(
        "iam.SimulatePrincipalPolicy",
        {
            "PolicySourceArn": arn,
            "ActionNames": ["sqs:SendMessage", "dynamodb:GetRecords"],
            "ResourceArns": [QUEUE, STREAM],
        },
        region=REGION,
    )

    found = {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}
    assert found.pop(("sqs:SendMessage", QUEUE)) == "allowed"
    assert set(found.values()) == {"implicitDeny"}


async def test_a_message_published_to_a_topic_arrives_at_its_queue(emulator: Emulator) -> None:
    topic = await emulator.call("sns.CreateTopic", {"Name": "alarms"}, region=REGION)
    queue = await emulator.call("sqs.CreateQueue", {"QueueName": "listener"}, region=REGION)
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listener"
    subscription = {"TopicArn": topic["TopicArn"], "Protocol": "sqs", "Endpoint": arn}
    await emulator.call("sns.Subscribe", subscription, region=REGION)
    attributes = {"kind": {"DataType": "String", "StringValue": "dead letter"}}

    published = await emulator.call(
        "sns.Publish",
        {"TopicArn": topic["TopicArn"], "Message": "größer & <besser>", "MessageAttributes": attributes},
        region=REGION,
    )

    received = await emulator.call("sqs.ReceiveMessage", {"QueueUrl": queue["QueueUrl"]}, region=REGION)
    notification = json.loads(received["Messages"][0]["Body"])
    assert notification["Message"] == "größer & <besser>"
    assert notification["MessageId"] == published["MessageId"]
    assert notification["MessageAttributes"]["kind"]["Value"] == "dead letter"


async def test_an_error_of_a_query_service_has_its_code_and_message(emulator: Emulator) -> None:
    with pytest.raises(AwsCallFailed) as caught:
        await emulator.call("iam.GetRole", {"RoleName": "nobody"}, region=REGION)

    assert (caught.value.code, caught.value.status) == ("NoSuchEntity", 404)
    assert "nobody" in caught.value.message


async def test_arguments_against_the_model_are_refused(emulator: Emulator) -> None:
    with pytest.raises(AwsCallFailed, match="ActionNames") as caught:
        await emulator.call("iam.SimulatePrincipalPolicy", {"PolicySourceArn": QUEUE}, region=REGION)

    assert caught.value.code == "ValidationError"


@pytest.mark.parametrize(
    "operation",
    ["iam.Fly", "sns.Fly", "sqs.Fly", "dynamodb.Fly", "dynamodbstreams.Fly", "events.Fly", "logs.Fly", "cloudwatch.Fly"]
    + ["secretsmanager.Fly", "tagging.Fly", "starship.Fly"],
)
async def test_an_operation_that_does_not_exist_has_one_code_in_all_services(
    emulator: Emulator, operation: str
) -> None:
    with pytest.raises(AwsCallFailed) as caught:
        await emulator.call(operation, {}, region=REGION)

    assert caught.value.code == UNKNOWN_OPERATION
