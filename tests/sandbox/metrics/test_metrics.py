"""The metrics that the sandbox puts into its own CloudWatch, read back through boto3 as a dashboard would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import metrics
from sandbox.aws.calls import AwsCallFailed
from sandbox.metrics import PIPES_NAMESPACE, MetricsPublisher
from tests.support.running_pipes import ACCOUNT, REGION, SESSION, Stage, stage, until

MINUTE_S = int(time.time()) // 60 * 60 - 60


@dataclass(frozen=True)
class Measured:
    """What a pipe measured."""

    name: str
    pipe: str
    unit: str
    count: float
    sum: float
    minimum: float
    maximum: float
    region: str = REGION


def publisher(built: Stage, *measured: Measured) -> MetricsPublisher:
    """A publisher whose pipes have measured this."""
    return MetricsPublisher(built.emulator, built.emulator.usage, lambda: measured, account_id=ACCOUNT, region=REGION)


async def read(built: Stage, namespace: str, metric: str, stat: str, **dimensions: str) -> list[float]:
    """The values of a metric in minutes, as GetMetricData gives them without a unit."""
    client = SESSION.client("cloudwatch", endpoint_url=built.client.meta.endpoint_url)
    asked = {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    answer = await asyncio.to_thread(
        client.get_metric_data,
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": asked, "Period": 60, "Stat": stat}}],
        StartTime=datetime.fromtimestamp(MINUTE_S - 600, UTC),
        EndTime=datetime.fromtimestamp(time.time() + 600, UTC),
    )
    values: Sequence[float] = answer["MetricDataResults"][0]["Values"]
    return list(values)


async def test_what_pipes_measured_is_there_with_all_its_statistics() -> None:
    async with stage() as built:
        pipe = f"pipe-{built.id}"

        await publisher(
            built,
            Measured("Duration", pipe, "Milliseconds", 3, 60, 10, 40),
            Measured("Invocations", pipe, "None", 3, 3, 1, 1),
            Measured("Concurrency", "", "None", 5, 8, 1, 2),
        ).publish(MINUTE_S)

        for stat, value in (("Sum", 60), ("Average", 20), ("Minimum", 10), ("Maximum", 40), ("SampleCount", 3)):
            assert await read(built, PIPES_NAMESPACE, "Duration", stat, PipeName=pipe) == [value]
        assert await read(built, PIPES_NAMESPACE, "Invocations", "Sum", PipeName=pipe) == [3]
        assert (await read(built, PIPES_NAMESPACE, "Invocations", "Sum", AwsAccountId=ACCOUNT))[0] >= 3
        assert await read(built, PIPES_NAMESPACE, "Concurrency", "Maximum", AwsAccountId=ACCOUNT) == [2]


async def test_the_pipes_own_measurements_arrive() -> None:
    async with stage() as built:
        pipe = await built.create_pipe()
        for location in ("Oslo", "Rome"):
            await built.put(location, n=1)
        await built.settled(2)

        await MetricsPublisher(
            built.emulator, built.emulator.usage, built.service.take_metrics, account_id=ACCOUNT, region=REGION
        ).publish(MINUTE_S)

        async def of_pipe(metric: str, stat: str) -> list[float]:
            return await read(built, PIPES_NAMESPACE, metric, stat, PipeName=pipe)

        assert await of_pipe("EventCount", "Sum") == [2]
        assert await of_pipe("ExecutionFailed", "Sum") == [0]
        assert (await of_pipe("Duration", "Maximum"))[0] > 0


async def test_calls_over_the_wire_and_inside_the_process_are_measured_alike() -> None:
    async with stage() as built:
        await built.put("inside", n=1)
        item = {"Location": {"S": "outside"}}
        await asyncio.to_thread(built.dynamodb().put_item, TableName=built.table, Item=item)
        await asyncio.to_thread(built.dynamodb().scan, TableName=built.table)
        await built.stream_records()

        await publisher(built).publish(MINUTE_S)

        async def table(metric: str, stat: str, **dimensions: str) -> list[float]:
            return await read(built, "AWS/DynamoDB", metric, stat, TableName=built.table, **dimensions)

        assert await table("ConsumedWriteCapacityUnits", "Sum") == [2]
        assert await table("ConsumedReadCapacityUnits", "Sum") == [0.5]
        assert await table("SuccessfulRequestLatency", "SampleCount", Operation="PutItem") == [2]
        assert (await table("SuccessfulRequestLatency", "Average", Operation="Scan"))[0] > 0
        label = built.stream_arn.rpartition("/")[2]
        records = await table("ReturnedRecordsCount", "Sum", Operation="GetRecords", StreamLabel=label)
        assert records == [2]


async def test_the_depth_and_the_age_of_a_queue_are_measured() -> None:
    async with stage() as built:
        queue = f"queue-{built.id}"
        url = (await built.call("sqs.GetQueueUrl", QueueName=queue))["QueueUrl"]
        for body in ("one", "two", "three"):
            await built.call("sqs.SendMessage", QueueUrl=url, MessageBody=body)
        await built.call("sqs.ReceiveMessage", QueueUrl=url)
        await asyncio.sleep(0.05)

        await publisher(built).publish(MINUTE_S)

        async def of_queue(metric: str, stat: str = "Sum") -> list[float]:
            return await read(built, "AWS/SQS", metric, stat, QueueName=queue)

        assert await of_queue("ApproximateNumberOfMessagesVisible") == [2]
        assert await of_queue("ApproximateNumberOfMessagesNotVisible") == [1]
        assert await of_queue("NumberOfMessagesSent") == [3]
        assert await of_queue("NumberOfMessagesReceived") == [1]
        assert 0.05 <= (await of_queue("ApproximateAgeOfOldestMessage"))[0] < 60


async def test_messages_that_were_looked_at_often_are_too_old_to_count() -> None:
    async with stage() as built:
        queue = f"queue-{built.id}"
        url = (await built.call("sqs.GetQueueUrl", QueueName=queue))["QueueUrl"]
        await built.call("sqs.SendMessage", QueueUrl=url, MessageBody="peeked at")
        await asyncio.sleep(0.01)
        for _ in range(3):
            await built.call("sqs.ReceiveMessage", QueueUrl=url, VisibilityTimeout=0)

        await publisher(built).publish(MINUTE_S)

        assert await read(built, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=queue) == [0]


async def test_what_was_published_is_not_published_again() -> None:
    async with stage() as built:
        await built.put("once")
        publishing = publisher(built)
        await publishing.publish(MINUTE_S)

        await publishing.publish(MINUTE_S)

        written = await read(built, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", TableName=built.table)
        assert written == [1]


async def test_a_queue_that_is_deleted_meanwhile_costs_nobody_their_metrics() -> None:
    async with stage() as built:
        gone = (await built.call("sqs.CreateQueue", QueueName=f"gone-{built.id}"))["QueueUrl"]

        class Deleting:
            """The emulator, where a queue goes away as soon as queues were listed."""

            async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
                answer = await built.emulator.call(operation, payload, region=region)
                if operation == "sqs.ListQueues":
                    await built.call("sqs.DeleteQueue", QueueUrl=gone)
                return answer

        await built.put("written")
        await MetricsPublisher(Deleting(), built.emulator.usage, tuple, account_id=ACCOUNT, region=REGION).publish(
            MINUTE_S
        )

        written = await read(built, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", TableName=built.table)
        assert written == [1]


async def test_it_publishes_by_itself_and_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics, "PERIOD_S", 1)
    async with stage() as built:
        refusals = [AwsCallFailed("cloudwatch.PutMetricData", "InternalFailure", "no", 500)]

        class Refusing:
            """The emulator, whose CloudWatch fails once."""

            async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
                if operation == "cloudwatch.PutMetricData" and refusals:
                    raise refusals.pop()
                return await built.emulator.call(operation, payload, region=region)

        published: list[int] = []

        def measured() -> tuple[Measured, ...]:
            published.append(1)
            return (Measured("EventCount", f"pipe-{built.id}", "None", 1, 1, 1, 1),)

        publishing = MetricsPublisher(Refusing(), built.emulator.usage, measured, account_id=ACCOUNT, region=REGION)
        publishing.start()
        await until(lambda: len(published) >= 3, "three publications")
        await publishing.close()

        assert sum(await read(built, PIPES_NAMESPACE, "EventCount", "Sum", PipeName=f"pipe-{built.id}")) >= 1
        assert "the metrics of a minute are lost" in caplog.text
