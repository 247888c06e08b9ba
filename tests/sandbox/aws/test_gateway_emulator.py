"""Calls into the embedded emulator: JSON services and query services look the same, and so do their errors."""

from __future__ import annotations

import json

import pytest

from sandbox.aws.calls import UNKNOWN_OPERATION, AwsCallFailed
from sandbox.aws.emulator import Emulator
from tests.support.running_pipes import ACCOUNT, REGION

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters"
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/weather/stream/2026"


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(ACCOUNT, 1)


async def a_role(emulator: Emulator, name: str, *actions: str, path: str = "/") -> str:
    """A role that may do these things to the queue; its ARN."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust), "Path": path}
    made = await emulator.call("iam.CreateRole", role, region=REGION)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": QUEUE}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    inline = {"RoleName": name, "PolicyName": "inline", "PolicyDocument": json.dumps(policy)}
    await emulator.call("iam.PutRolePolicy", inline, region=REGION)
    return str(made["Role"]["Arn"])


@pytest.mark.parametrize("path", ["/", "/service-role/pipes/"])
async def test_a_simulated_policy_answers_for_each_action_and_resource(emulator: Emulator, path: str) -> None:
    arn = await a_role(emulator, f"sender{len(path)}", "sqs:SendMessage", path=path)

    answer = await emulator.call(
        "iam.SimulatePrincipalPolicy",
        {
            "PolicySourceArn": arn,
            "ActionNames": ["sqs:SendMessage", "dynamodb:GetRecords"],
            "ResourceArns": [STREAM, QUEUE],
        },
        region=REGION,
    )

    found = {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}
    assert found == {
        ("sqs:SendMessage", QUEUE): "allowed",
        ("sqs:SendMessage", STREAM): "implicitDeny",
        ("dynamodb:GetRecords", QUEUE): "implicitDeny",
        ("dynamodb:GetRecords", STREAM): "implicitDeny",
    }


async def test_a_policy_is_simulated_without_naming_a_resource(emulator: Emulator) -> None:
    arn = await a_role(emulator, "anything", "sqs:*")

    answer = await emulator.call(
        "iam.SimulatePrincipalPolicy", {"PolicySourceArn": arn, "ActionNames": ["pipes:ListPipes"]}, region=REGION
    )

    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["implicitDeny"]


async def test_a_role_that_does_not_exist_cannot_be_simulated(emulator: Emulator) -> None:
    request = {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/x/nobody", "ActionNames": ["sqs:SendMessage"]}

    with pytest.raises(AwsCallFailed, match="nobody") as caught:
        await emulator.call("iam.SimulatePrincipalPolicy", request, region=REGION)

    assert (caught.value.code, caught.value.status) == ("NoSuchEntity", 404)


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
    + ["secretsmanager.Fly", "resourcegroupstaggingapi.Fly", "starship.Fly"],
)
async def test_an_operation_that_does_not_exist_has_one_code_in_all_services(
    emulator: Emulator, operation: str
) -> None:
    with pytest.raises(AwsCallFailed) as caught:
        await emulator.call(operation, {}, region=REGION)

    assert caught.value.code == UNKNOWN_OPERATION
