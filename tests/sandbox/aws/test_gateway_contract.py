"""What the sandbox relies on of the embedded emulator, and what it corrects there.

An upgrade of ministack that changes any of it fails here first. Where a defect that is corrected in `sandbox/aws`
is gone, the correction can go, too: those tests say so.
"""

from __future__ import annotations

import inspect
import json
import time
import uuid
from importlib import import_module
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from starlette.types import ASGIApp

from sandbox.aws import emulator as emulator_module
from sandbox.aws.calls import AwsCallFailed
from sandbox.aws.emulator import Emulator
from sandbox.aws.emulator_queues import oldest_sent_at
from sandbox.aws.logs.emulator_logs import streams_of
from tests.support.running_pipes import ACCOUNT, REGION

ROOT = Path(__file__).resolve().parents[3]


class Bare:
    """The emulator as it comes, without our corrections, and with names of this test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unwrapped(app: ASGIApp, *_: Any) -> ASGIApp:
            return app

        for front in ("IamFront", "LogsFront", "UsageFront"):
            monkeypatch.setattr(emulator_module, front, unwrapped)
        self.emulator = Emulator(ACCOUNT, 1)
        self.id = uuid.uuid4().hex[:8]

    async def __call__(self, operation: str, **payload: Any) -> dict[str, Any]:
        return await self.emulator.call(operation, payload, region=REGION)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Bare:
    return Bare(monkeypatch)


async def a_stream(bare: Bare) -> tuple[str, str]:
    """The name of a new table and the ARN of its stream."""
    table = f"table-{bare.id}"
    made = await bare(
        "dynamodb.CreateTable",
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return table, made["TableDescription"]["LatestStreamArn"]


async def read(bare: Bare, arn: str, kind: str = "TRIM_HORIZON", **more: Any) -> dict[str, Any]:
    """The answer of GetRecords from a place in the only shard of a stream."""
    described = await bare("dynamodbstreams.DescribeStream", StreamArn=arn)
    shard = described["StreamDescription"]["Shards"][0]["ShardId"]
    place = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind, **more}
    iterator = (await bare("dynamodbstreams.GetShardIterator", **place))["ShardIterator"]
    return await bare("dynamodbstreams.GetRecords", ShardIterator=iterator)


def test_the_version_is_pinned_exactly() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()

    assert f"ministack=={version('ministack')}" in [line.split("#")[0].split(";")[0].strip() for line in lines]


def test_the_botocore_that_it_pins_is_the_one_installed() -> None:
    wanted = next(r for r in map(Requirement, requires("ministack") or []) if r.name == "botocore")

    assert version("botocore") in wanted.specifier


async def test_a_stream_has_images_rising_sequence_numbers_and_no_record_for_nothing(bare: Bare) -> None:
    table, arn = await a_stream(bare)
    key = {"pk": {"S": "a"}}
    for item in ({**key, "n": {"N": "1"}}, {**key, "n": {"N": "1"}}, {**key, "n": {"N": "2.0"}}):
        await bare("dynamodb.PutItem", TableName=table, Item=item)
    await bare("dynamodb.DeleteItem", TableName=table, Key=key)
    await bare("dynamodb.DeleteItem", TableName=table, Key={"pk": {"S": "absent"}})

    records = (await read(bare, arn))["Records"]

    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["NewImage"] == {**key, "n": {"N": "2"}}
    assert records[1]["dynamodb"]["OldImage"] == {**key, "n": {"N": "1"}}
    assert records[0]["awsRegion"] == REGION
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert numbers == sorted(numbers, key=int)
    assert len(set(numbers)) == 3


async def test_the_emulator_counts_no_bytes_of_a_change_so_they_are_put_in(bare: Bare) -> None:
    """`sandbox.aws.stream_sizes` does that. The real service counted 303 bytes for a record of this size."""
    from ministack.services import dynamodb

    table, arn = await a_stream(bare)
    pk = {"pk": {"S": "k" * 36}}
    nested = {"country": {"S": "USA"}, "number": {"N": "152"}, "city": {"S": "x" * 7}, "street": {"S": "x" * 11}}
    await bare("dynamodb.PutItem", TableName=table, Item={**pk, "address": {"M": nested}, "rest": {"S": "x" * 162}})
    await bare("dynamodb.DeleteItem", TableName=table, Key=pk)

    records = (await read(bare, arn))["Records"]

    assert [record["dynamodb"]["SizeBytes"] for record in records] == [303, 303]
    for record in records:
        assert list(record["dynamodb"]) == sorted(record["dynamodb"]), "the order in which the real service gives them"
    described = {"pk_name": "pk", "sk_name": None, "TableArn": "arn", "LatestStreamArn": "arn"}
    untouched = dynamodb._build_change_record.__wrapped__(described, "INSERT", None, pk, "NEW_IMAGE")
    assert untouched["dynamodb"]["SizeBytes"] == 0, "the correction can go"


async def test_a_sequence_number_begins_with_the_milliseconds(bare: Bare) -> None:
    """`sandbox.pipes.log.counters` takes the lag from it."""
    table, arn = await a_stream(bare)
    await bare("dynamodb.PutItem", TableName=table, Item={"pk": {"S": "a"}})

    change = (await read(bare, arn))["Records"][0]["dynamodb"]

    milliseconds = int(change["SequenceNumber"][:20])
    assert 0 <= milliseconds - change["ApproximateCreationDateTime"] * 1000 < 1000


async def test_a_reader_goes_on_after_a_sequence_number_and_a_cancelled_transaction_leaves_no_trace(
    bare: Bare,
) -> None:
    table, arn = await a_stream(bare)
    for name in ("a", "b"):
        await bare("dynamodb.PutItem", TableName=table, Item={"pk": {"S": name}})
    first = (await read(bare, arn))["Records"][0]["dynamodb"]["SequenceNumber"]
    put = {"TableName": table, "Item": {"pk": {"S": "never"}}}
    refused = {"TableName": table, "Key": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(AwsCallFailed, match="TransactionCanceledException"):
        await bare("dynamodb.TransactWriteItems", TransactItems=[{"Put": put}, {"ConditionCheck": refused}])

    rest = await read(bare, arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=first)

    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in rest["Records"]] == ["b"]
    assert (await read(bare, arn, "LATEST"))["Records"] == []


async def test_a_stream_that_is_switched_off_closes_its_shard(bare: Bare) -> None:
    table, arn = await a_stream(bare)

    await bare("dynamodb.UpdateTable", TableName=table, StreamSpecification={"StreamEnabled": False})

    assert not (await read(bare, arn)).get("NextShardIterator")


async def test_a_number_that_was_never_given_out_is_trimmed_data(bare: Bare) -> None:
    _, arn = await a_stream(bare)

    with pytest.raises(AwsCallFailed) as caught:
        await read(bare, arn, "AT_SEQUENCE_NUMBER", SequenceNumber="1" * 21)

    assert caught.value.code == "TrimmedDataAccessException"


async def test_messages_tell_how_often_they_were_received_and_when_they_were_sent(bare: Bare) -> None:
    url = (await bare("sqs.CreateQueue", QueueName=f"queue-{bare.id}"))["QueueUrl"]
    await bare("sqs.SendMessage", QueueUrl=url, MessageBody="x")
    for _ in range(2):
        answer = await bare("sqs.ReceiveMessage", QueueUrl=url, VisibilityTimeout=0, AttributeNames=["All"])
    attributes = answer["Messages"][0]["Attributes"]

    assert attributes["ApproximateReceiveCount"] == "2"
    sent_at = oldest_sent_at(ACCOUNT, REGION, url)
    assert sent_at is not None
    assert abs(int(attributes["SentTimestamp"]) - sent_at * 1000) < 2


async def test_log_streams_are_kept_sorted_by_time_with_lasting_ids(bare: Bare) -> None:
    group = f"group-{bare.id}"
    await bare("logs.CreateLogGroup", logGroupName=group)
    await bare("logs.CreateLogStream", logGroupName=group, logStreamName="s")
    for batch in ([(3, "c"), (5, "e")], [(4, "d"), (3, "c2"), (1, "a")]):
        lines = [{"timestamp": at, "message": message} for at, message in batch]
        await bare("logs.PutLogEvents", logGroupName=group, logStreamName="s", logEvents=lines)

    kept = streams_of(ACCOUNT, REGION, group)["s"]

    assert [event["message"] for event in kept] == ["a", "c", "c2", "d", "e"]
    assert len({event["eventId"] for event in kept}) == 5
    assert all(isinstance(event["ingestionTime"], int) for event in kept)


async def test_filter_log_events_still_needs_ours(bare: Bare) -> None:
    """When this fails the emulator may have learned it: see whether `logs_front` can go."""
    group = f"group-{bare.id}"
    await bare("logs.CreateLogGroup", logGroupName=group)
    await bare("logs.CreateLogStream", logGroupName=group, logStreamName="s")
    lines = [{"timestamp": 1, "message": json.dumps({"n": n})} for n in range(3)]
    await bare("logs.PutLogEvents", logGroupName=group, logStreamName="s", logEvents=lines)

    answer = await bare("logs.FilterLogEvents", logGroupName=group, filterPattern="{ $.n = 1 }", limit=2)

    assert len(answer["events"]) == 2
    assert "nextToken" not in answer


async def test_simulation_of_policies_still_needs_ours(bare: Bare) -> None:
    """When this fails the emulator may have learned it: see whether `iam_front` can go."""
    queues = [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("one", "two")]

    answer = await bare(
        "iam.SimulatePrincipalPolicy",
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/nobody",
        ActionNames=["sqs:SendMessage"],
        ResourceArns=queues,
    )

    assert [result["EvalResourceName"] for result in answer["EvaluationResults"]] == queues[:1]


async def test_the_tagging_api_still_needs_ours(bare: Bare) -> None:
    """When this fails the emulator may have learned it: see whether `tagging` can go."""
    await bare("logs.CreateLogGroup", logGroupName=f"group-{bare.id}", tags={"app": bare.id})
    await bare("sqs.CreateQueue", QueueName=f"queue-{bare.id}", tags={"app": bare.id})

    answer = await bare("resourcegroupstaggingapi.GetResources", TagFilters=[{"Key": "app", "Values": [bare.id]}])

    assert [each["ResourceARN"].split(":")[2] for each in answer["ResourceTagMappingList"]] == ["sqs"]


async def test_statistic_sets_survive_in_cloudwatch_and_namespaces_of_aws_are_open(bare: Bare) -> None:
    asked = {"Namespace": "AWS/EventBridge/Pipes", "MetricName": bare.id, "Dimensions": []}
    statistics = {"SampleCount": 4, "Sum": 8, "Minimum": 1, "Maximum": 5}
    now = time.time()
    datum = {"MetricName": bare.id, "Timestamp": now, "Unit": "None", "StatisticValues": statistics}
    await bare("cloudwatch.PutMetricData", Namespace="AWS/EventBridge/Pipes", MetricData=[datum])

    queries = [
        {"Id": stat.lower(), "MetricStat": {"Metric": asked, "Period": 60, "Stat": stat}}
        for stat in ("SampleCount", "Sum", "Minimum", "Maximum", "Average")
    ]
    answer = await bare("cloudwatch.GetMetricData", MetricDataQueries=queries, StartTime=now - 120, EndTime=now + 120)

    values = {each["Id"]: each["Values"] for each in answer["MetricDataResults"]}
    assert values == {"samplecount": [4], "sum": [8], "minimum": [1], "maximum": [5], "average": [2]}


async def test_an_event_bus_knows_connections_and_destinations_but_gives_the_secret_away(bare: Bare) -> None:
    """Why `gateway` takes the secret out of DescribeConnection, and why the pipes can read it inside."""
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "s3cret"}}
    made = await bare(
        "events.CreateConnection", Name=f"connection-{bare.id}", AuthorizationType="API_KEY", AuthParameters=key
    )
    destination = {"ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": "http://127.0.0.1:1/a/*"}
    await bare("events.CreateApiDestination", Name=f"destination-{bare.id}", HttpMethod="PUT", **destination)

    connection = await bare("events.DescribeConnection", Name=f"connection-{bare.id}")
    described = await bare("events.DescribeApiDestination", Name=f"destination-{bare.id}")

    assert connection["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyValue"] == "s3cret"
    assert connection["ConnectionState"] == "AUTHORIZED"
    assert {name: described[name] for name in destination} == destination


async def test_accounts_and_regions_are_kept_apart(bare: Bare) -> None:
    await bare("sqs.CreateQueue", QueueName=f"queue-{bare.id}")

    with pytest.raises(AwsCallFailed):
        await bare.emulator.call("sqs.GetQueueUrl", {"QueueName": f"queue-{bare.id}"}, region="eu-west-1")


async def test_cloudwatch_still_needs_ours(bare: Bare) -> None:
    """Tags of dashboards, and the metrics of alarms on expressions: `sandbox/aws/emulator_cloudwatch.py`."""
    cloudwatch = import_module("ministack.services.cloudwatch")
    source = inspect.getsource(cloudwatch)
    # When one of these fails, the emulator does it by itself: the correction can go.
    assert "Tags" not in source[source.index("def _put_dashboard") : source.index("def _get_dashboard")]
    assert "Metrics" not in source[source.index("def _put_metric_alarm") : source.index("_ALARM_TAG_LIMIT")]
    name, tags = f"board-{bare.id}", [{"Key": "Stack", "Value": "team"}]
    query = [{"Id": "e", "Expression": "1", "ReturnData": True}]

    await bare("cloudwatch.PutDashboard", DashboardName=name, DashboardBody="{}", Tags=tags)
    await bare("cloudwatch.PutDashboard", DashboardName=name, DashboardBody="{}", Tags=[{"Key": "a", "Value": "b"}])
    arn = (await bare("cloudwatch.GetDashboard", DashboardName=name))["DashboardArn"]
    assert (await bare("cloudwatch.ListTagsForResource", ResourceARN=arn))["Tags"] == tags
    await bare(
        "cloudwatch.PutMetricAlarm",
        AlarmName=name,
        Metrics=query,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    (alarm,) = (await bare("cloudwatch.DescribeAlarms", AlarmNames=[name]))["MetricAlarms"]
    assert alarm["Metrics"] == query
    assert not alarm.get("Statistic")
    with pytest.raises(AwsCallFailed):
        await bare("cloudwatch.ListTagsForResource", ResourceARN=f"{arn}-other")
