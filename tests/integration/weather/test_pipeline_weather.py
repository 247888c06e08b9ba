"""A record on its way through the whole pipeline, asked for as the pages do: through services.Pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.cache.agreement import Agreement
from services.topic.events import TopicEvent
from services.tracking.propagation import Propagation
from services.weather.table import WeatherRecord
from tests.conftest import wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    delete_and_follow,
    put_and_follow,
    running_pipeline,
)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


def events_of(pipeline: Pipeline, location: str) -> list[TopicEvent]:
    return [event for event in pipeline.feed.snapshot().events if event.location == location]


def cached(pipeline: Pipeline, location: str) -> bytes | None:
    return pipeline.cache.get(names.CACHE, location).value


def arrived(pipeline: Pipeline, record: WeatherRecord) -> Propagation:
    """Puts a record and sees to it that it arrives."""
    propagation = put_and_follow(pipeline, record)
    assert propagation.complete, propagation
    return propagation


def test_a_new_record_becomes_an_event_and_a_cache_item_each_timed(pipeline: Pipeline) -> None:
    location = a_location()

    propagation = arrived(pipeline, a_record(location, MaxTemp="71.5", MinTemp=-3, ChancesOfPrecipitation=0))

    assert (propagation.write.kind, propagation.expected, propagation.problems) == ("INSERT", True, ())
    assert propagation.write.acknowledged_ms > 0
    assert propagation.write.capacity_units == 1
    for milliseconds in (propagation.topic_ms, propagation.cache_ms):
        assert milliseconds is not None
        assert 0 <= milliseconds <= propagation.waited_s * 1000 + 1
    assert json.loads(cached(pipeline, location) or b"") == {
        "Location": location,
        "MaxTemp": "71.5",
        "MinTemp": "-3",
        "ChancesOfPrecipitation": "0",
    }
    (event,) = events_of(pipeline, location)
    assert (event.event_type, event.max_temp, event.min_temp, event.chance) == ("INSERT", 71.5, -3.0, 0.0)
    assert event.problem is None


def test_an_update_replaces_the_cache_item(pipeline: Pipeline) -> None:
    location = a_location()
    arrived(pipeline, a_record(location, MaxTemp=70))

    propagation = arrived(pipeline, a_record(location, MaxTemp=75))

    assert propagation.write.kind == "MODIFY"
    assert json.loads(cached(pipeline, location) or b"")["MaxTemp"] == "75"
    assert [event.event_type for event in events_of(pipeline, location)] == ["INSERT", "MODIFY"]


def test_a_delete_takes_the_item_out_of_the_cache(pipeline: Pipeline) -> None:
    location = a_location()
    arrived(pipeline, a_record(location))

    propagation = delete_and_follow(pipeline, location)

    assert propagation.complete
    assert propagation.write.kind == "REMOVE"
    assert cached(pipeline, location) is None
    event = events_of(pipeline, location)[-1]
    assert (event.event_type, event.max_temp, event.problem) == ("REMOVE", None, None)


@pytest.mark.parametrize("number", ["70", "70.00", "-0", "0.0"])
def test_a_put_that_changes_nothing_is_followed_by_nothing(pipeline: Pipeline, number: str) -> None:
    location, other = a_location(), a_location()
    record = a_record(location, MaxTemp=number, MinTemp=-5)
    arrived(pipeline, record)
    version = pipeline.feed.version

    again = put_and_follow(pipeline, record)
    arrived(pipeline, a_record(other))

    assert (again.write.kind, again.expected, again.complete) == ("", False, True)
    assert [event.location for event in pipeline.feed.snapshot(after=version).events] == [other]


def test_a_delete_of_nothing_is_followed_by_nothing(pipeline: Pipeline) -> None:
    propagation = delete_and_follow(pipeline, a_location())

    assert (propagation.write.kind, propagation.expected, propagation.complete) == ("", False, True)


@pytest.mark.parametrize(
    "word",
    [
        "a/b?c=d&e#f",
        "100% %41 %zz",
        "plus+and space",
        "Zürich 東京 🌦",
        "<aws.pipes.event>",
        "$.dynamodb",
        "../..",
        "'{}[]",
    ],
)
def test_a_location_of_any_characters_travels_unchanged(pipeline: Pipeline, word: str) -> None:
    location = a_location(word)
    arrived(pipeline, a_record(location))

    assert pipeline.lookups.look_up(location).agreement is Agreement.EQUAL
    assert json.loads(cached(pipeline, location) or b"")["Location"] == location
    assert delete_and_follow(pipeline, location).complete
    assert pipeline.lookups.look_up(location).agreement is Agreement.NEITHER


def test_the_newest_of_many_updates_wins_and_its_events_are_in_order(pipeline: Pipeline) -> None:
    location = a_location()
    for degrees in range(51, 101):
        pipeline.table.put(a_record(location, MaxTemp=degrees))

    wait_until(lambda: len(events_of(pipeline, location)) == 50, what="50 events")
    wait_until(lambda: json.loads(cached(pipeline, location) or b"{}").get("MaxTemp") == "100", what="the last value")
    events = events_of(pipeline, location)
    assert [event.max_temp for event in events] == list(range(51, 101))
    assert [event.event_type for event in events] == ["INSERT"] + ["MODIFY"] * 49
    assert pipeline.lookups.look_up(location).agreement is Agreement.EQUAL


def test_an_item_whose_time_has_run_out_is_a_miss_and_the_table_keeps_its_record(pipeline: Pipeline) -> None:
    location = a_location()
    pipeline.table.put(a_record(location, TTL=1))
    wait_until(lambda: events_of(pipeline, location), what="the event")

    wait_until(lambda: cached(pipeline, location) is None, what="the end of the item's life")

    found = pipeline.lookups.look_up(location)
    assert found.agreement is Agreement.MISS
    assert found.remaining_ttl is None
    assert found.table is not None
    assert found.table.item is not None
    assert found.table.item["TTL"] == "1"


def test_a_hit_tells_its_remaining_time_and_both_sides_their_cost(pipeline: Pipeline) -> None:
    location = a_location()
    arrived(pipeline, a_record(location, TTL=600))

    found = pipeline.lookups.look_up(location)

    assert found.remaining_ttl is not None
    assert 0 < found.remaining_ttl.total_seconds() <= 600
    assert found.cache is not None
    assert found.table is not None
    assert found.cache.latency_ms > 0
    assert found.table.latency_ms > 0
    assert found.table.capacity_units == 1


def test_a_lookup_tells_every_way_in_which_the_sides_can_stand(pipeline: Pipeline) -> None:
    location = a_location()
    before = pipeline.lookups.tally()

    def agreement() -> Agreement | None:
        return pipeline.lookups.look_up(location).agreement

    assert agreement() is Agreement.NEITHER
    pipeline.cache.set(names.CACHE, location, b"orphan", 60)
    assert agreement() is Agreement.ORPHANED
    arrived(pipeline, a_record(location))
    assert agreement() is Agreement.EQUAL
    pipeline.cache.set(names.CACHE, location, b'{"Location": "another"}', 60)
    assert agreement() is Agreement.DIFFERENT
    pipeline.cache.delete(names.CACHE, location)
    assert agreement() is Agreement.MISS

    after = pipeline.lookups.tally()
    assert (after.hits - before.hits, after.misses - before.misses) == (3, 2)
    assert after.table_reads - before.table_reads == 5
    assert after.capacity_units > before.capacity_units


@pytest.mark.usefixtures("clean_table")
def test_a_write_is_in_the_shown_records_at_once(pipeline: Pipeline) -> None:
    location = a_location()
    pipeline.records.get()

    put_and_follow(pipeline, a_record(location))
    assert location in {item["Location"] for item in pipeline.records.get().value.items}

    delete_and_follow(pipeline, location)
    assert location not in {item["Location"] for item in pipeline.records.get().value.items}


def test_a_page_of_records_says_whether_there_are_more(pipeline: Pipeline) -> None:
    for _ in range(3):
        pipeline.table.put(a_record(a_location()))

    page = pipeline.table.page(limit=2)

    assert len(page.items) == 2
    assert page.more


def test_all_three_pipes_are_described_as_the_original_demo_has_them(pipeline: Pipeline) -> None:
    described = pipeline.pipes.get().value

    assert [pipe.flow for pipe in described] == list(names.FLOWS)
    assert all(pipe.running and pipe.retries == 0 and pipe.batch_size == 1 for pipe in described)
    assert [pipe.filters for pipe in described] == [
        ('{"eventName":["INSERT","MODIFY"]}',),
        (),
        ('{"eventName":["REMOVE"]}',),
    ]
    assert {pipe.starting_position for pipe in described} == {"LATEST"}
    assert all(pipe.dead_letter_queue.endswith(names.QUEUE) and pipe.log_level == "INFO" for pipe in described)
