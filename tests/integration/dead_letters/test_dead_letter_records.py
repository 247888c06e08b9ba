"""What dead letters point at is read from the stream, in few calls, and what is not there any more is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from core import names
from core.aws import Aws
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.dead_letters.message import DeadLetter
from services.dead_letters.queue import QueueBusy
from services.dead_letters.stream_records import Hydrated, ImageChange, Recovery, hydrate, image_changes
from services.weather.table import WeatherRecord, check
from tests.conftest import wait_until
from tests.support.running_pipeline import running_pipeline


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def aws(pipeline: Pipeline) -> Iterator[Aws]:
    """Clients of the run's sandbox."""
    made = Aws(pipeline.access)
    yield made
    made.close()


def record(location: str, high: int = 70) -> WeatherRecord:
    made, problems = check(
        {"Location": location, "MaxTemp": high, "MinTemp": 50, "ChancesOfPrecipitation": 10, "TTL": 300}
    )
    assert made is not None, problems
    return made


def changes_of(aws: Aws, *locations: str) -> dict[str, list[Any]]:
    """The stream's records of some locations, as GetRecords gives them."""
    arn = aws.dynamodb.describe_table(TableName=names.TABLE)["Table"]["LatestStreamArn"]
    found: dict[str, list[Any]] = {location: [] for location in locations}
    for shard in aws.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = aws.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while page := aws.streams.get_records(ShardIterator=iterator)["Records"]:
            for change in page:
                location = change["dynamodb"]["Keys"][names.TABLE_KEY]["S"]
                if location in found:
                    found[location].append({**change, "arn": arn, "shard": shard["ShardId"]})
            iterator = aws.streams.get_shard_iterator(
                StreamArn=arn,
                ShardId=shard["ShardId"],
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=page[-1]["dynamodb"]["SequenceNumber"],
            )["ShardIterator"]
    return found


def letter_about(first: Any, last: Any | None = None, size: int = 1) -> DeadLetter:
    numbers = [change["dynamodb"]["SequenceNumber"] for change in (first, last or first)]
    return DeadLetter(
        f"m-{numbers[0]}-{numbers[1]}",
        "{}",
        datetime.now(UTC),
        1,
        batch_size=size,
        shard_id=first["shard"],
        first_sequence_number=numbers[0],
        last_sequence_number=numbers[1],
        stream_arn=first["arn"],
    )


def test_a_letter_gets_the_change_it_points_at_with_both_images(pipeline: Pipeline, aws: Aws) -> None:
    place = f"Trondheim {time.time_ns()}"
    pipeline.table.put(record(place, 61))
    pipeline.table.put(record(place, 64))
    pipeline.table.delete(place)
    insert, modify, remove = changes_of(aws, place)[place]
    letters = [letter_about(change) for change in (remove, modify, insert)]

    found = hydrate(aws, letters)

    kinds = [found[letter.message_id].records[0].event_name for letter in letters]
    assert kinds == ["REMOVE", "MODIFY", "INSERT"]
    (changed,) = found[letters[1].message_id].records
    assert changed.location == place
    assert ImageChange("MaxTemp", "61", "64") in image_changes(changed)
    assert [change.attribute for change in image_changes(changed) if change.changed] == ["MaxTemp"]
    assert found[letters[0].message_id].records[0].new is None
    assert found[letters[2].message_id].records[0].old is None
    assert all(found[letter.message_id].recovery is Recovery.FOUND for letter in letters)


def test_a_batch_gets_all_its_changes_and_says_when_some_are_gone(pipeline: Pipeline, aws: Aws) -> None:
    places = [f"Narvik {time.time_ns()}-{number}" for number in range(4)]
    for place in places:
        pipeline.table.put(record(place))
    changes = [change for found in changes_of(aws, *places).values() for change in found]
    whole, more = letter_about(changes[0], changes[3], 4), letter_about(changes[0], changes[3], 9)

    found = hydrate(aws, [whole, replace(more, message_id="more")])

    assert found[whole.message_id].locations == tuple(places)
    assert found[whole.message_id].recovery is Recovery.FOUND
    assert found["more"].recovery is Recovery.PARTLY


def test_hundreds_of_letters_of_one_shard_cost_a_few_calls(pipeline: Pipeline, aws: Aws) -> None:
    stamp = time.time_ns()
    places = [f"Hammerfest {stamp}-{number}" for number in range(200)]
    for place in places:
        pipeline.table.put(record(place))
    letters = [letter_about(change) for found in changes_of(aws, *places).values() for change in found]
    calls: list[str] = []
    aws.streams.meta.events.register("before-call", lambda model, **_: calls.append(model.name))

    found = hydrate(aws, letters)

    assert {found[letter.message_id].locations[0] for letter in letters} == set(places)
    assert len(calls) <= 10


def test_what_points_nowhere_or_to_what_is_gone_is_said(aws: Aws, pipeline: Pipeline) -> None:
    place = f"Kirkenes {time.time_ns()}"
    pipeline.table.put(record(place))
    good = letter_about(changes_of(aws, place)[place][0])
    foreign = DeadLetter("foreign", "hello", datetime.now(UTC), 1)
    odd = replace(good, message_id="odd", first_sequence_number="²³", last_sequence_number="²³")
    gone = replace(good, message_id="gone", stream_arn=good.stream_arn.rpartition("/")[0] + "/2019-01-01T00:00:00.000")

    found = hydrate(aws, [foreign, odd, gone, good])

    assert found["foreign"] == found["odd"] == Hydrated(Recovery.NOWHERE)
    assert found["gone"].recovery is Recovery.GONE
    assert found[good.message_id].recovery is Recovery.FOUND


def test_a_stream_that_is_gone_is_asked_for_once_however_many_letters_point_at_it(aws: Aws, pipeline: Pipeline) -> None:
    place = f"Gone {time.time_ns()}"
    pipeline.table.put(record(place))
    good = letter_about(changes_of(aws, place)[place][0])
    arn = good.stream_arn.rpartition("/")[0] + "/2019-01-01T00:00:00.000"
    calls: list[None] = []
    aws.streams.meta.events.register("before-call", lambda **_: calls.append(None))

    found = hydrate(aws, [replace(good, message_id=str(number), stream_arn=arn) for number in range(50)])

    assert {each.recovery for each in found.values()} == {Recovery.GONE}
    assert len(calls) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"first_sequence_number": "9" * 5_000},
        {"last_sequence_number": "9" * 41},
        {"shard_id": "short"},
        {"shard_id": "s" * 66},
        {"stream_arn": "arn:aws:dynamodb:us-west-2:999999999999:table/payroll/stream/2026-01-01T00:00:00.000"},
    ],
    ids=["thousands of digits", "a digit too many", "short shard", "long shard", "another table"],
)
def test_a_letter_that_somebody_made_up_is_not_followed_and_hides_no_other(
    aws: Aws, pipeline: Pipeline, changes: dict[str, str]
) -> None:
    place = f"Made up {time.time_ns()}"
    pipeline.table.put(record(place))
    good = letter_about(changes_of(aws, place)[place][0])
    asked: list[object] = []
    aws.streams.meta.events.register("before-call", lambda params, **_: asked.append(params["body"]))

    found = hydrate(aws, [replace(good, message_id="made up", **changes), good])  # type: ignore[arg-type]

    assert found["made up"] == Hydrated(Recovery.NOWHERE)
    assert found[good.message_id].recovery is Recovery.FOUND
    assert not any("payroll" in str(body) for body in asked)


@pytest.mark.parametrize("call", ["get_shard_iterator", "get_records"])
def test_a_place_that_the_stream_has_forgotten_is_no_failure(aws: Aws, call: str) -> None:
    """AWS says so at either call (facts/aws-pipes.md, section 2); the emulator never forgets within a test."""
    letter = DeadLetter(
        "m", "{}", datetime.now(UTC), 1, batch_size=1, shard_id="shardId-00000001763760813333-abcdef12",
        first_sequence_number="1234567800000000001234567899", last_sequence_number="1234567800000000001234567899",
        stream_arn="arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026-11-21T00:00:00.000",
    )  # fmt: skip
    with Stubber(aws.streams) as stub:
        if call == "get_records":
            stub.add_response("get_shard_iterator", {"ShardIterator": "iterator"})
        stub.add_client_error(call, "TrimmedDataAccessException", "Attempt to access trimmed data.")

        assert hydrate(aws, [letter]) == {"m": Hydrated(Recovery.TRIMMED)}
        stub.assert_no_pending_responses()


def test_a_letter_knows_when_the_stream_forgets_it(pipeline: Pipeline) -> None:
    letter = DeadLetter("m", "{}", datetime.now(UTC), 1, arrived_at="2026-11-20T12:00:00Z")

    assert letter.forgotten_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert replace(letter, arrived_at="yesterday").forgotten_at is None


def test_a_look_waits_for_no_work_and_work_for_the_look(pipeline: Pipeline) -> None:
    with pipeline.queue.work():
        with pytest.raises(QueueBusy, match="in use"):
            pipeline.queue.look()
        with pytest.raises(QueueBusy), pipeline.queue.work():
            raise AssertionError("two at once")
    assert pipeline.queue.look().complete


def test_a_look_says_how_many_it_did_not_show(pipeline: Pipeline, aws: Aws) -> None:
    url = aws.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for number in range(25):
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"number": number}))
    try:
        some = pipeline.queue.look(limit=7)
        all_of_them = wait_until(lambda: (seen := pipeline.queue.look()) and len(seen.letters) >= 25 and seen)
    finally:
        aws.sqs.purge_queue(QueueUrl=url)

    assert (len(some.letters), some.complete, some.about >= 25) == (7, False, True)
    assert all_of_them.complete
