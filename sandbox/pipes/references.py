"""Whether the things that a pipe refers to exist, and what the pipe says when they do not."""

from __future__ import annotations

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.arns import parse_arn
from sandbox.pipes.dead_letters import queue_url
from sandbox.pipes.destinations import Destinations, DestinationUnusable
from sandbox.pipes.plan import PipePlan
from sandbox.pipes.source import describe_stream

_PREFIX = "Input parameter is invalid from the request due to : "


class ReferenceBroken(Exception):
    """Raised when something that a pipe needs is not there. Its text is the pipe's StateReason."""


async def check_references(aws: AwsCaller, destinations: Destinations, plan: PipePlan) -> None:
    """Look for stream, dead-letter queue and destination, in this order. Raises ReferenceBroken."""
    await _check_stream(aws, plan)
    await _check_dead_letter_queue(aws, plan)
    try:
        await destinations.describe(plan.target_arn)
    except (DestinationUnusable, AwsCallFailed) as error:
        raise ReferenceBroken(f"{_PREFIX}Cannot access API destination {plan.target_arn}. {error}") from error


async def _check_stream(aws: AwsCaller, plan: PipePlan) -> None:
    words = (
        f"{_PREFIX}Cannot access stream {plan.stream_arn}. "
        "Please ensure the customer role can perform actions on source stream"
    )
    try:
        stream = await describe_stream(aws, plan.stream_arn, plan.pipe.region)
    except AwsCallFailed as error:
        raise ReferenceBroken(words) from error
    if not stream.enabled:
        raise ReferenceBroken(words)


async def _check_dead_letter_queue(aws: AwsCaller, plan: PipePlan) -> None:
    if not plan.dead_letter_arn:
        return
    arn = parse_arn(plan.dead_letter_arn)
    try:
        await queue_url(aws, arn.resource, arn.region)
    except AwsCallFailed as error:
        raise ReferenceBroken(
            f"{_PREFIX}Error occurred while sending message to SQS queue: {plan.dead_letter_arn}"
        ) from error
