"""Dead-letter messages: pointers to records in their stream, in AWS's exact JSON (facts/aws-pipes.md, section 2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.plan.batches import Batch
from sandbox.pipes.stream.stream_records import created_s, sequence_of
from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.syntax.json_paths import compact


def message_body(pipe_arn: str, stream_arn: str, batch: Batch, condition: str, now_s: float) -> str:
    """The message for a batch that was given up. `timestamp` has ms, arrival times have seconds."""
    first, last = batch.records[0], batch.records[-1]
    return compact(
        {
            "context": {"partnerResourceArn": pipe_arn, "condition": condition},
            "version": "1.0",
            "timestamp": _utc(now_s).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": batch.shard_id,
                "startSequenceNumber": sequence_of(first),
                "endSequenceNumber": sequence_of(last),
                "approximateArrivalOfFirstRecord": _arrival(first),
                "approximateArrivalOfLastRecord": _arrival(last),
                "batchSize": len(batch.records),
                "streamArn": stream_arn,
            },
        }
    )


def _arrival(record: dict[str, Any]) -> str:
    return _utc(created_s(record)).isoformat(timespec="seconds").replace("+00:00", "Z")


def _utc(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


class DeadLetters(Protocol):
    """Where the dead letters of one pipe go."""

    async def send(self, body: str) -> None:
        """Send one message. Returns once it was accepted; raises AwsCallFailed when it is not."""
        ...


def dead_letters_of(aws: AwsCaller, arn: str) -> DeadLetters:
    """The queue or topic behind an ARN."""
    return DeadLetterTopic(aws, arn) if parse_arn(arn).service == "sns" else DeadLetterQueue(aws, arn)


class DeadLetterTopic:
    """An SNS topic."""

    def __init__(self, aws: AwsCaller, arn: str) -> None:
        self._aws = aws
        self._arn = arn

    async def send(self, body: str) -> None:
        """Publish one message."""
        payload = {"TopicArn": self._arn, "Message": body}
        await self._aws.call("sns.Publish", payload, region=parse_arn(self._arn).region)


class DeadLetterQueue:
    """An SQS queue. Its URL is looked up again after a failure: it may have been made anew."""

    def __init__(self, aws: AwsCaller, arn: str) -> None:
        self._aws = aws
        self._arn = parse_arn(arn)
        self._url = ""

    async def send(self, body: str) -> None:
        """Send one message."""
        try:
            if not self._url:
                self._url = await queue_url(self._aws, self._arn.resource, self._arn.region)
            payload = {"QueueUrl": self._url, "MessageBody": body}
            await self._aws.call("sqs.SendMessage", payload, region=self._arn.region)
        except AwsCallFailed:
            self._url = ""
            raise


async def queue_url(aws: AwsCaller, name: str, region: str) -> str:
    """URL of a queue. Raises AwsCallFailed when there is none of that name."""
    answer = await aws.call("sqs.GetQueueUrl", {"QueueName": name}, region=region)
    return str(answer["QueueUrl"])
