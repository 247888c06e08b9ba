"""The stream is read on after everything that can happen to a reader, with exactly the calls that AWS knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from core.aws import Aws
from core.config import AwsAccess
from core.errors import NotFound
from core.names import TABLE
from services.pipes.stream_changes import Change
from services.pipes.stream_reader import StreamWatch
from tests.conftest import wait_until

ARN = "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026-11-21T21:00:00.000"
PARENT, CHILD = "shardId-00000001763760813333-aaaaaaaa", "shardId-00000001763775213333-bbbbbbbb"
MADE = datetime(2026, 11, 21, 21, 33, 31, tzinfo=UTC)


class Wire:
    """The two clients of the watch, answering what the test has written down, in this order only."""

    def __init__(self, aws: Aws) -> None:
        self.dynamodb, self.streams = Stubber(aws.dynamodb), Stubber(aws.streams)

    def table(self, **table: Any) -> None:
        self.dynamodb.add_response("describe_table", {"Table": table}, {"TableName": TABLE})

    def shards(self, *shards: dict[str, Any]) -> None:
        answer = {"StreamDescription": {"StreamArn": ARN, "Shards": list(shards)}}
        self.streams.add_response("describe_stream", answer, {"StreamArn": ARN})

    def iterator(self, shard: str, kind: str, name: str, **place: str) -> None:
        wanted = {"StreamArn": ARN, "ShardId": shard, "ShardIteratorType": kind, **place}
        self.streams.add_response("get_shard_iterator", {"ShardIterator": name}, wanted)

    def lost_place(self, code: str, shard: str, **place: str) -> None:
        wanted = {"StreamArn": ARN, "ShardId": shard, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", **place}
        self.streams.add_client_error("get_shard_iterator", code, expected_params=wanted)

    def records(self, name: str, *sequences: str, following: str | None) -> None:
        answer: dict[str, Any] = {"Records": [record(sequence) for sequence in sequences]}
        if following is not None:
            answer["NextShardIterator"] = following
        self.streams.add_response("get_records", answer, {"ShardIterator": name})

    def refused(self, name: str, code: str) -> None:
        self.streams.add_client_error("get_records", code, expected_params={"ShardIterator": name})

    def all_asked(self) -> None:
        self.dynamodb.assert_no_pending_responses()
        self.streams.assert_no_pending_responses()


def record(sequence: str) -> dict[str, Any]:
    """A stream record as GetRecords gives it."""
    return {
        "eventID": "a7966d1c35704dfcbf780ab9f5ebd143",
        "eventName": "MODIFY",
        "dynamodb": {
            "ApproximateCreationDateTime": MADE,
            "Keys": {"Location": {"S": "Tromsø"}},
            "SequenceNumber": sequence,
            "SizeBytes": 112,
        },
    }


SEQUENCES = [f"4900000000000000{number:05d}" for number in range(10)]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    made = Aws(AwsAccess("us-west-2", access_key_id="AKIAEXAMPLE", secret_access_key="example"))
    yield made
    made.close()


@pytest.fixture
def wire(aws: Aws) -> Iterator[Wire]:
    made = Wire(aws)
    with made.dynamodb, made.streams:
        yield made


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def watch(aws: Aws, seen: list[str]) -> StreamWatch:
    return StreamWatch(aws, lambda changes: seen.extend(change.sequence for change in changes))


def begin(wire: Wire, watch: StreamWatch) -> None:
    """A watch that has begun at the end of one open shard, and saw nothing yet."""
    wire.table(LatestStreamArn=ARN)
    ended = {"StartingSequenceNumber": SEQUENCES[0], "EndingSequenceNumber": SEQUENCES[1]}
    closed = {"ShardId": "shardId-00000001763746413333-99999999", "SequenceNumberRange": ended}
    wire.shards(closed, {"ShardId": PARENT, "SequenceNumberRange": {"StartingSequenceNumber": SEQUENCES[2]}})
    wire.iterator(PARENT, "LATEST", "i0")
    wire.records("i0", following="i1")
    watch.look()


def test_it_begins_at_the_end_and_hands_on_what_comes(aws: Aws, wire: Wire) -> None:
    changes: list[Change] = []
    watch = StreamWatch(aws, changes.extend)
    begin(wire, watch)
    wire.records("i1", *SEQUENCES[:2], following="i2")
    wire.records("i2", following="i3")

    watch.look()

    key = '{"Location": {"S": "Troms\\u00f8"}}'
    assert changes[0] == Change(SEQUENCES[0], "MODIFY", key, MADE.timestamp(), 112, PARENT)
    assert [change.sequence for change in changes] == SEQUENCES[:2]
    assert watch.status.since is not None
    assert watch.status.problem == ""
    wire.all_asked()


def test_an_iterator_that_expired_is_replaced_after_the_last_change(
    wire: Wire, watch: StreamWatch, seen: list[str]
) -> None:
    begin(wire, watch)
    wire.records("i1", SEQUENCES[0], following="i2")
    wire.records("i2", following="i3")
    watch.look()
    wire.refused("i3", "ExpiredIteratorException")
    wire.iterator(PARENT, "AFTER_SEQUENCE_NUMBER", "i4", SequenceNumber=SEQUENCES[0])
    watch.look()
    wire.records("i4", SEQUENCES[1], following="i5")
    wire.records("i5", following="i6")

    watch.look()

    assert seen == SEQUENCES[:2]
    assert watch.status.gap_at is None
    wire.all_asked()


def test_changes_that_the_stream_forgot_unread_are_a_gap_that_is_told(
    wire: Wire, watch: StreamWatch, seen: list[str]
) -> None:
    begin(wire, watch)
    wire.records("i1", SEQUENCES[0], following="i2")
    wire.records("i2", following="i3")
    watch.look()
    wire.refused("i3", "TrimmedDataAccessException")
    wire.lost_place("TrimmedDataAccessException", PARENT, SequenceNumber=SEQUENCES[0])
    wire.iterator(PARENT, "TRIM_HORIZON", "i4")
    watch.look()
    wire.records("i4", SEQUENCES[7], following="i5")
    wire.records("i5", following="i6")

    watch.look()

    assert seen == [SEQUENCES[0], SEQUENCES[7]]
    assert watch.status.gap_at is not None
    wire.all_asked()


def test_a_shard_that_ended_is_followed_by_its_child_from_the_beginning(
    wire: Wire, watch: StreamWatch, seen: list[str]
) -> None:
    begin(wire, watch)
    wire.records("i1", SEQUENCES[0], following=None)
    watch.look()
    wire.shards({"ShardId": PARENT}, {"ShardId": CHILD, "ParentShardId": PARENT})
    wire.iterator(CHILD, "TRIM_HORIZON", "c0")
    wire.records("c0", SEQUENCES[1], following="c1")
    wire.records("c1", following="c2")

    watch.look()

    assert seen == SEQUENCES[:2]
    wire.all_asked()


def test_a_table_without_a_stream_is_said(wire: Wire, watch: StreamWatch) -> None:
    wire.table(TableName=TABLE)

    with pytest.raises(NotFound, match="has no stream"):
        watch.look()


def test_a_watch_that_cannot_read_says_so_goes_on_and_ends_at_once(
    aws: Aws, wire: Wire, watch: StreamWatch, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.dynamodb.add_client_error("describe_table", "AccessDeniedException", "not authorized")
    wire.table(LatestStreamArn=ARN)
    wire.shards({"ShardId": PARENT})
    wire.iterator(PARENT, "LATEST", "i0")
    wire.records("i0", SEQUENCES[0], following="i1")
    wire.records("i1", following="i2")

    watch.start()
    wait_until(lambda: seen == SEQUENCES[:1], what="the change")
    watch.close()

    assert watch.loop.ended
