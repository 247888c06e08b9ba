"""Dead letters as AWS writes them, and as anybody may send them to the queue."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dead_letters.message import DeadLetter, decode
from services.dead_letters.queue import Depth
from services.dead_letters.results import Fate, Report, Rest, Result

#: Real (facts/aws-pipes.md, section 2).
DYNAMODB = {
    "context": {
        "partnerResourceArn": "arn:aws:pipes:eu-west-2:123456789123:pipe/dev-application-pipe",
        "condition": "RetryAttemptsExhausted",
    },
    "version": "1.0",
    "timestamp": "2024-03-08T00:00:00Z",
    "DDBStreamBatchInfo": {
        "shardId": "shardId-00000001234567891234-aaa1abcd",
        "startSequenceNumber": "1234567800000000001234567899",
        "endSequenceNumber": "1234567800000000001234567891",
        "approximateArrivalOfFirstRecord": "2024-03-08T00:00:00Z",
        "approximateArrivalOfLastRecord": "2024-03-08T00:00:00Z",
        "batchSize": 1,
        "streamArn": "arn:aws:dynamodb:eu-west-2:123456789123:table/dev-application-domain/stream/2023-01-01T00:00:00Z",
    },
}
#: Real, same section: a pipe from Kinesis.
KINESIS = (
    '{"context":{"partnerResourceArn":"arn:aws:pipes:us-east-1:1:pipe/k","condition":"RetryAttemptsExhausted"},'
    '"version":"1.0","timestamp":"2023-06-19T15:03:51.498Z","KinesisBatchInfo":{"shardId":"shardId-000000000000",'
    '"startSequenceNumber":"1","endSequenceNumber":"1","batchSize":1,"streamArn":"arn:aws:kinesis:us-east-1:1:s"}}'
)
#: The shape of a Lambda event source mapping, which has `requestContext` instead of `context`.
LAMBDA = json.dumps(
    {
        "requestContext": {"requestId": "r", "functionArn": "arn:aws:lambda:f", "condition": "RetryAttemptsExhausted"},
        "responseContext": {"statusCode": 200},
        "version": "1.0",
        "timestamp": "2024-03-08T00:00:00.000Z",
        "DDBStreamBatchInfo": DYNAMODB["DDBStreamBatchInfo"],
    }
)


def message(body: str) -> dict[str, Any]:
    """As ReceiveMessage gives it."""
    return {
        "MessageId": "m-1",
        "ReceiptHandle": "handle",
        "Body": body,
        "Attributes": {"SentTimestamp": "1709856000123", "ApproximateReceiveCount": "3"},
    }


def changed(**changes: Any) -> str:
    return json.dumps(DYNAMODB | changes)


def batch(**changes: Any) -> str:
    return changed(DDBStreamBatchInfo=DYNAMODB["DDBStreamBatchInfo"] | changes)  # type: ignore[operator]


def test_a_real_dead_letter_of_a_dynamodb_pipe_is_read() -> None:
    body = json.dumps(DYNAMODB)

    assert decode(message(body)) == DeadLetter(
        message_id="m-1",
        body=body,
        sent_at=datetime(2024, 3, 8, 0, 0, 0, 123000, UTC),
        receive_count=3,
        pipe="dev-application-pipe",
        condition="RetryAttemptsExhausted",
        failed_at="2024-03-08T00:00:00Z",
        arrived_at="2024-03-08T00:00:00Z",
        batch_size=1,
        shard_id="shardId-00000001234567891234-aaa1abcd",
        first_sequence_number="1234567800000000001234567899",
        last_sequence_number="1234567800000000001234567891",
        stream_arn="arn:aws:dynamodb:eu-west-2:123456789123:table/dev-application-domain/stream/2023-01-01T00:00:00Z",
    )


@pytest.mark.parametrize("condition", ["RecordAgeExceeded", "RecordAgeExpired", "SomethingNew"])
def test_any_condition_is_taken(condition: str) -> None:
    context = {"partnerResourceArn": "arn:aws:pipes:us-west-2:1:pipe/p", "condition": condition}

    letter = decode(message(changed(context=context)))

    assert (letter.pipe, letter.condition, letter.problem) == ("p", condition, "")


@pytest.mark.parametrize(
    "body",
    [
        KINESIS,
        LAMBDA,
        "a plain text",
        "",
        "\x00\x01\ufffd",
        "null",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        changed(context=None),
        changed(context=[]),
        changed(DDBStreamBatchInfo="gone"),
        batch(batchSize="many"),
        batch(batchSize=float("inf")),
        batch(batchSize=float("nan")),
        batch(batchSize=None),
        batch(batchSize=10**30),
        batch(batchSize=-1),
    ],
)
def test_a_foreign_body_is_kept_as_it_came_with_its_problem(body: str) -> None:
    letter = decode(message(body))

    assert letter.body == body
    assert letter.problem
    assert (letter.pipe, letter.condition, letter.shard_id, letter.batch_size) == ("", "", "", None)
    assert letter.receive_count == 3


def test_what_is_null_is_not_there() -> None:
    letter = decode(message(batch(shardId=None, startSequenceNumber=None, streamArn=None)))

    assert (letter.shard_id, letter.first_sequence_number, letter.stream_arn) == ("", "", "")
    assert not letter.points_somewhere


@pytest.mark.parametrize("arrived", [None, "", "yesterday", 1709856000123, "9999-12-31T23:59:59Z"])
def test_a_moment_that_is_none_gives_no_end(arrived: object) -> None:
    assert decode(message(batch(approximateArrivalOfFirstRecord=arrived))).forgotten_at is None


def test_a_letter_that_came_by_way_of_sns_is_read_and_kept_as_it_came() -> None:
    body = json.dumps(
        {"Type": "Notification", "TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": json.dumps(DYNAMODB)}
    )

    letter = decode(message(body))

    assert letter.pipe == "dev-application-pipe"
    assert letter.body == body


def test_lone_surrogates_do_not_get_to_a_screen_that_cannot_take_them() -> None:
    letter = decode(
        message(changed(timestamp="\ud800", context={"partnerResourceArn": "x/\udfff", "condition": "\ud800"}))
    )

    for text in (letter.pipe, letter.condition, letter.failed_at):
        assert text.encode("utf-8").decode("utf-8") == text


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
infos = st.dictionaries(st.sampled_from(["shardId", "batchSize", "streamArn", "startSequenceNumber"]), values)


@given(
    st.text()
    | st.fixed_dictionaries(
        {},
        optional={
            "context": values | st.dictionaries(st.sampled_from(["partnerResourceArn", "condition"]), values),
            "timestamp": values,
            "DDBStreamBatchInfo": values | infos,
            "Type": st.just("Notification"),
            "Message": values,
        },
    ).map(json.dumps)
)
def test_no_body_whatever_raises(body: str) -> None:
    assert decode(message(body)).body == body


def test_a_message_without_its_attributes_is_taken() -> None:
    assert decode({"MessageId": "m", "Body": "x"}).receive_count == 0


def test_the_depth_is_the_sum_of_all_messages() -> None:
    assert Depth(1, 2, 3).total == 6


@pytest.mark.parametrize(
    ("rest", "results", "words", "all_done"),
    [
        (Rest(2, 2), [Fate.REPAIRED, Fate.ALREADY_RIGHT], "2 of about 2 messages seen. None is left.", True),
        (
            Rest(1660, 1006, unseen=654),
            [Fate.REPAIRED],
            "1,006 of about 1,660 messages seen. About 654 left in the queue. about 654 not seen: "
            "another look or other work holds them.",
            False,
        ),
        (Rest(2, 2), [Fate.LEFT], "2 of about 2 messages seen. 1 left in the queue. 1: why.", False),
        (Rest(1, 3, later=2), [Fate.REPAIRED], "3 of about 3 messages seen. 2 left in the queue. 2 that came", False),
        (Rest(3, 3, others=2), [Fate.DELETED], "3 of about 3 messages seen. 2 left in the queue. 2 not chosen.", True),
    ],
)
def test_a_report_says_what_was_seen_and_what_is_left(
    rest: Rest, results: list[Fate], words: str, all_done: bool
) -> None:
    report = Report(tuple(Result(str(number), fate, (), "why.") for number, fate in enumerate(results)), "", rest)

    assert report.rest_words().startswith(words)
    assert report.all_done is all_done
