"""What DynamoDB, its streams and SQS measure of one call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from sandbox.aws.usage.dynamodb import Call, StreamReads, table_values
from sandbox.aws.usage.sqs import queue_values
from sandbox.aws.usage.usage import Series, StatisticSet, Usage, Value

BIG = {"pk": {"S": "x" * 3000}}
SMALL = {"pk": {"S": "x"}}
QUEUE_URL = "http://127.0.0.1:1/123456789012/dead"


def call(operation: str, request: dict[str, Any], answer: dict[str, Any] | None = None, status: int = 200) -> Call:
    """A call as it was on the wire."""
    return Call(operation, "us-west-2", json.dumps(request).encode(), status, json.dumps(answer or {}).encode(), 2.5)


def named(values: Iterable[Value]) -> dict[tuple[str, ...], float]:
    """Name and dimension values → sum."""
    found: dict[tuple[str, ...], float] = {}
    for series, value in values:
        key = (series.name, *(text for _, text in series.dimensions))
        found[key] = found.get(key, 0) + value
    return found


@pytest.mark.parametrize(
    ("operation", "request_", "answer", "units"),
    [
        ("PutItem", {"TableName": "t", "Item": SMALL}, {}, {"t": 1}),
        ("PutItem", {"TableName": "t", "Item": BIG}, {}, {"t": 3}),
        ("PutItem", {"TableName": "arn:aws:dynamodb:us-west-2:1:table/t", "Item": SMALL}, {}, {"t": 1}),
        (
            "PutItem",
            {"TableName": "t", "Item": SMALL},
            {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 7.0}},
            {"t": 7},
        ),
        ("UpdateItem", {"TableName": "t", "Key": SMALL}, {}, {"t": 1}),
        ("DeleteItem", {"TableName": "t", "Key": SMALL}, {}, {"t": 1}),
        (
            "BatchWriteItem",
            {"RequestItems": {"t": [{"PutRequest": {"Item": BIG}}], "u": [{"DeleteRequest": {"Key": SMALL}}]}},
            {},
            {"t": 3, "u": 1},
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t", "Item": BIG}}, {"Delete": {"TableName": "t"}}]},
            {},
            {"t": 8},
        ),
        ("GetItem", {"TableName": "t", "Key": SMALL}, {"Item": SMALL}, {"t": 0.5}),
        ("GetItem", {"TableName": "t", "Key": SMALL, "ConsistentRead": True}, {"Item": BIG}, {"t": 1}),
        ("Scan", {"TableName": "t"}, {"Items": [BIG, BIG]}, {"t": 1}),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [SMALL, SMALL]}}}, {}, {"t": 1}),
    ],
)
def test_capacity_is_stated_or_worked_out(
    operation: str, request_: dict[str, Any], answer: dict[str, Any], units: dict[str, float]
) -> None:
    found = named(table_values(call(operation, request_, answer)))

    consumed = {table: value for (name, table, *_), value in found.items() if name.startswith("Consumed")}
    assert consumed == units
    latencies = {key: value for key, value in found.items() if key[0] == "SuccessfulRequestLatency"}
    assert latencies == {("SuccessfulRequestLatency", table, operation): 2.5 for table in units}


def test_a_throttled_write_is_counted_and_consumes_nothing() -> None:
    code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"

    found = named(table_values(call("PutItem", {"TableName": "t", "Item": SMALL}, {"__type": code}, 400)))

    assert found == {("ThrottledRequests", "t", "PutItem"): 1, ("WriteThrottleEvents", "t"): 1}


def test_a_condition_that_is_not_met_is_counted() -> None:
    refused = call("PutItem", {"TableName": "t"}, {"__type": "ConditionalCheckFailedException"}, 400)

    assert named(table_values(refused)) == {("ConditionalCheckFailedRequests", "t"): 1}


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "DescribeTable"])
def test_a_call_that_was_not_even_well_formed_is_no_concern(operation: str) -> None:
    broken = Call(operation, "us-west-2", b"{not json", 400, b'{"__type": "SerializationException"}', 1)

    assert named(table_values(broken)) == {}


def test_stream_reads_are_told_by_the_iterators_that_they_follow() -> None:
    reads = StreamReads()
    arn = "arn:aws:dynamodb:us-west-2:1:table/t/stream/2026-01-01"
    # A record whose text looks like an iterator and like a record must not mislead the count.
    records = [{"eventID": "1", "text": json.dumps({"eventID": 1, "NextShardIterator": "wrong"})}, {"eventID": "2"}]

    asked = named(reads.values(call("GetShardIterator", {"StreamArn": arn}, {"ShardIterator": "i1"})))
    first = call("GetRecords", {"ShardIterator": "i1"}, {"Records": records, "NextShardIterator": "i2"})
    second = call("GetRecords", {"ShardIterator": "i2"}, {"Records": [], "NextShardIterator": "i3"})
    found = [named(reads.values(each)) for each in (first, second)]

    assert asked == {}
    assert [each["ReturnedRecordsCount", "t", "GetRecords", "2026-01-01"] for each in found] == [2, 0]
    assert found[0]["ReturnedBytes", "t", "GetRecords", "2026-01-01"] == len(first.answer)
    assert named(reads.values(call("GetRecords", {"ShardIterator": "unknown"}, {"Records": []}))) == {}


@pytest.mark.parametrize(
    ("operation", "request_", "answer", "expected"),
    [
        ("SendMessage", {"MessageBody": "äb"}, {}, {"NumberOfMessagesSent": 1, "SentMessageSize": 3}),
        (
            "SendMessageBatch",
            {"Entries": [{"Id": "a", "MessageBody": "12"}, {"Id": "b", "MessageBody": "345"}]},
            {"Successful": [{"Id": "b"}], "Failed": [{"Id": "a"}]},
            {"NumberOfMessagesSent": 1, "SentMessageSize": 3},
        ),
        ("ReceiveMessage", {}, {"Messages": [{}, {}]}, {"NumberOfMessagesReceived": 2}),
        ("ReceiveMessage", {}, {}, {"NumberOfEmptyReceives": 1}),
        ("DeleteMessage", {}, {}, {"NumberOfMessagesDeleted": 1}),
        ("DeleteMessageBatch", {}, {"Successful": [{}, {}]}, {"NumberOfMessagesDeleted": 2}),
        ("GetQueueAttributes", {}, {}, {}),
    ],
)
def test_a_queue_counts_what_goes_in_and_out(
    operation: str, request_: dict[str, Any], answer: dict[str, Any], expected: dict[str, float]
) -> None:
    found = named(queue_values(call(operation, {"QueueUrl": QUEUE_URL, **request_}, answer)))

    assert found == {(name, "dead"): value for name, value in expected.items()}


def test_values_become_one_statistic_set_for_each_series_until_they_are_taken() -> None:
    usage = Usage()
    one, other = (Series("r", "n", name, "Count", ()) for name in ("one", "other"))
    usage.add([(one, 3), (other, 1), (one, -1)])
    usage.add([(one, 4)])

    assert usage.take() == [StatisticSet(one, 3, 6, -1, 4), StatisticSet(other, 1, 1, 1, 1)]
    assert usage.take() == []
