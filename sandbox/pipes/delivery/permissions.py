"""Whether a pipe's role may do what the pipe needs, asked of IAM's policy simulator.

All of it is asked when the pipe is made, updated or started; `rights` asks again while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.aws.calls import UNKNOWN_OPERATION, AwsCaller, AwsCallFailed
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.syntax.arns import parse_arn

#: What a role must be allowed to do to the target.
INVOKE = "events:InvokeApiDestination"

_STREAM_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")


@dataclass(frozen=True)
class Need:
    """Actions on a resource, and what the pipe says when its role lacks one of them."""

    actions: tuple[str, ...]
    resource_arn: str
    words: str


def needs_of(plan: PipePlan) -> list[Need]:
    """What the role of a pipe must be allowed, in the order in which it is checked."""
    needs = [Need(_STREAM_ACTIONS, plan.stream_arn, stream_words(plan.stream_arn))]
    if plan.dead_letter_arn:
        needs.append(Need((send_action(plan),), plan.dead_letter_arn, dead_letter_words(plan.dead_letter_arn)))
    words = "The provided customer role does not have permissions to call InvokeApiDestination on EventBridge"
    return [*needs, Need((INVOKE,), plan.target_arn, words)]


def stream_words(stream_arn: str) -> str:
    """AWS's words for a stream that is not there or must not be read."""
    return f"Cannot access stream {stream_arn}. Please ensure the customer role can perform actions on source stream"


def dead_letter_words(arn: str) -> str:
    """AWS's words for a queue that is not there or must not be sent to; those for a topic are made after them."""
    kind = "SNS topic" if parse_arn(arn).service == "sns" else "SQS queue"
    return f"Error occurred while sending message to {kind}: {arn}"


async def what_role_lacks(aws: AwsCaller, plan: PipePlan) -> str:
    """The words for the first thing that the role lacks, "" when it lacks nothing. Raises AwsCallFailed."""
    missing = f"The provided customer role {plan.role_arn} does not exist"
    try:
        name = parse_arn(plan.role_arn).resource.rpartition("/")[2]
        role = (await aws.call("iam.GetRole", {"RoleName": name}, region=plan.pipe.region))["Role"]
        if role["Arn"] != plan.role_arn:
            # A name is of one role only, which has another path.
            return missing
        for need in needs_of(plan):
            if not await _simulated(aws, plan, need.actions, need.resource_arn):
                return need.words
    except AwsCallFailed as error:
        if error.code == "NoSuchEntity":
            return missing
        if error.code != UNKNOWN_OPERATION:
            raise
    return ""


async def is_allowed(aws: AwsCaller, plan: PipePlan, actions: tuple[str, ...], resource_arn: str) -> bool:
    """Whether the role of a pipe may do all of this; a role that is gone may nothing. Raises AwsCallFailed."""
    try:
        return await _simulated(aws, plan, actions, resource_arn)
    except AwsCallFailed as error:
        if error.code == "NoSuchEntity":
            return False
        if error.code == UNKNOWN_OPERATION:
            return True
        raise


def send_action(plan: PipePlan) -> str:
    """What the role must be allowed to do to the dead-letter queue or topic."""
    return "sns:Publish" if parse_arn(plan.dead_letter_arn).service == "sns" else "sqs:SendMessage"


async def _simulated(aws: AwsCaller, plan: PipePlan, actions: tuple[str, ...], resource_arn: str) -> bool:
    payload = {"PolicySourceArn": plan.role_arn, "ActionNames": list(actions), "ResourceArns": [resource_arn]}
    answer = await aws.call("iam.SimulatePrincipalPolicy", payload, region=plan.pipe.region)
    return all(result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"])
