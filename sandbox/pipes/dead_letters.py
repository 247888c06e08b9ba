"""Dead-letter messages: a pointer to the record in its stream, in AWS's exact JSON (facts/aws-pipes.md, section 2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.arns import parse_arn
from sandbox.pipes.json_paths import compact


def message_body(
    pipe_arn: str, stream_arn: str, shard_id: str, record: dict[str, Any], condition: str, now_s: float
) -> str:
    """The message for one record that was given up. `timestamp` has ms, arrival times have seconds."""
    change = record["dynamodb"]
    arrival = _utc(change["ApproximateCreationDateTime"]).isoformat(timespec="seconds").replace("+00:00", "Z")
    return compact(
        {
            "context": {"partnerResourceArn": pipe_arn, "condition": condition},
            "version": "1.0",
            "timestamp": _utc(now_s).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": shard_id,
                "startSequenceNumber": change["SequenceNumber"],
                "endSequenceNumber": change["SequenceNumber"],
                "approximateArrivalOfFirstRecord": arrival,
                "approximateArrivalOfLastRecord": arrival,
                "batchSize": 1,
                "streamArn": stream_arn,
            },
        }
    )


def _utc(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


class DeadLetterQueue:
    """The queue of one pipe. Its URL is looked up again after a failure: it may have been made anew."""

    def __init__(self, aws: AwsCaller, arn: str) -> None:
        self._aws = aws
        self._arn = parse_arn(arn)
        self._url = ""

    async def send(self, body: str) -> None:
        """Send one message. Returns once SQS has accepted it; raises AwsCallFailed when it does not."""
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
