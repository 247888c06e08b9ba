"""Whether the things that a pipe refers to exist and may be used, and what the pipe says when they do not."""

from __future__ import annotations

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.delivery.dead_letters import queue_url
from sandbox.pipes.delivery.permissions import dead_letter_words, stream_words, what_role_lacks
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.stream.source import describe_stream
from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.target.destinations import Destinations, DestinationUnusable

_PREFIX = "Input parameter is invalid from the request due to : "


class ReferenceBroken(Exception):
    """Raised when something that a pipe needs is not there. Its text is the pipe's StateReason."""

    def __init__(self, words: str) -> None:
        super().__init__(_PREFIX + words)


async def check_references(aws: AwsCaller, destinations: Destinations, plan: PipePlan) -> None:
    """Look for stream, dead-letter queue or topic, destination, and the role's rights to them, in this order.

    Raises ReferenceBroken.
    """
    await _check_stream(aws, plan)
    await _check_dead_letters(aws, plan)
    try:
        await destinations.describe(plan.target_arn)
    except (DestinationUnusable, AwsCallFailed) as error:
        raise ReferenceBroken(f"Cannot access API destination {plan.target_arn}. {error}") from error
    if lacking := await what_role_lacks(aws, plan):
        raise ReferenceBroken(lacking)


async def _check_stream(aws: AwsCaller, plan: PipePlan) -> None:
    words = stream_words(plan.stream_arn)
    try:
        stream = await describe_stream(aws, plan.stream_arn, plan.pipe.region)
    except AwsCallFailed as error:
        raise ReferenceBroken(words) from error
    if not stream.enabled:
        raise ReferenceBroken(words)


async def _check_dead_letters(aws: AwsCaller, plan: PipePlan) -> None:
    if not plan.dead_letter_arn:
        return
    arn = parse_arn(plan.dead_letter_arn)
    try:
        if arn.service == "sns":
            await aws.call("sns.GetTopicAttributes", {"TopicArn": plan.dead_letter_arn}, region=arn.region)
        else:
            await queue_url(aws, arn.resource, arn.region)
    except AwsCallFailed as error:
        raise ReferenceBroken(dead_letter_words(plan.dead_letter_arn)) from error
