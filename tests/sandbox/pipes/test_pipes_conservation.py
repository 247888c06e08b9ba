"""Nothing is lost and nothing counted twice, whatever happens on the way (DESIGN, section 4)."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.running_pipes import Call, Stage, stage

PATTERN = '{"eventName":["INSERT","MODIFY"]}'
CITIES = ("Oslo", "Rome", "Bad Ems")

steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(CITIES)),
    st.tuples(st.just("delete"), st.sampled_from(CITIES)),
    st.tuples(st.sampled_from(["stop", "start", "down", "up", "yield"]), st.just("")),
)


@given(st.lists(steps, min_size=5, max_size=30))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_record_is_delivered_or_a_dead_letter_or_filtered(script: list[tuple[str, str]]) -> None:
    asyncio.run(_play(script))


async def _play(script: list[tuple[str, str]]) -> None:
    async with stage() as at:
        # The bad city is refused for ever, the others never: so a record that comes twice ends the same way.
        at.endpoint.answer = lambda call: web.Response(status=500 if _city(call) == "Bad Ems" else 200)
        await at.create_pipe(pattern=PATTERN)
        for number, (what, city) in enumerate(script):
            await _take(at, what, city, number)
        await _take(at, "up", "", 0)
        await _take(at, "start", "", 0)
        records = await at.stream_records()
        status = await at.settled(len(records))
        await _check(at, records, status)


async def _take(at: Stage, what: str, city: str, number: int) -> None:
    name = f"pipe-{at.id}"
    if what == "put":
        await at.put(city, MaxTemp=number)
    elif what == "delete":
        await at.delete(city)
    elif what == "stop":
        await at.pipes("stop_pipe", Name=name)
        await at.await_state("STOPPED")
    elif what == "start":
        await at.pipes("start_pipe", Name=name)
        await at.await_state("RUNNING")
    elif what == "down":
        await at.endpoint.down()
    elif what == "up" and at.endpoint.is_down:
        await at.endpoint.up()
    elif what == "yield":
        await asyncio.sleep(0.01)


def _city(call: Call) -> str:
    return str(json.loads(call.body)["dynamodb"]["Keys"]["Location"]["S"])


async def _check(at: Stage, records: list[dict[str, object]], status: dict[str, object]) -> None:
    everything = {r["dynamodb"]["SequenceNumber"]: r for r in records}  # type: ignore[index]
    filtered = {sequence for sequence, r in everything.items() if r["eventName"] == "REMOVE"}
    arrived = [(json.loads(call.body)["dynamodb"]["SequenceNumber"], _city(call)) for call in at.endpoint.calls]
    delivered = {sequence for sequence, city in arrived if city != "Bad Ems"}
    dead = [letter["DDBStreamBatchInfo"]["startSequenceNumber"] for letter in await at.dead_letters()]

    assert delivered | set(dead) | filtered == set(everything)
    assert not delivered & set(dead)
    assert not filtered & (delivered | set(dead))
    # Duplicates may come of a stop, but never out of order for what comes first.
    firsts = list(dict.fromkeys(sequence for sequence, _ in arrived))
    assert firsts == sorted(firsts)
    assert status["read"] == len(everything)
    assert (status["filtered"], status["delivered"]) == (len(filtered), len(delivered))
    assert (status["dead_lettered"], status["dropped"]) == (len(set(dead)), 0)


@given(st.lists(steps, min_size=5, max_size=30))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_batches_and_lanes_only_the_bad_records_are_dead_letters(script: list[tuple[str, str]]) -> None:
    asyncio.run(_play_in_batches(script))


async def _play_in_batches(script: list[tuple[str, str]]) -> None:
    async with stage() as at:
        at.endpoint.answer = lambda call: web.Response(status=500 if "Bad Ems" in _cities(call) else 200)
        how = {"BatchSize": 3, "ParallelizationFactor": 3, "OnPartialBatchItemFailure": "AUTOMATIC_BISECT"}
        await at.create_pipe(pattern=PATTERN, **how)
        for number, (what, city) in enumerate(script):
            await _take(at, what, city, number)
        await _take(at, "up", "", 0)
        await _take(at, "start", "", 0)
        records = await at.stream_records()
        status = await at.settled(len(records))

        wanted = {r["dynamodb"]["SequenceNumber"]: r for r in records if r["eventName"] != "REMOVE"}
        bad = {sequence for sequence, r in wanted.items() if r["dynamodb"]["Keys"]["Location"]["S"] == "Bad Ems"}
        batches = [call for call in at.endpoint.calls if "Bad Ems" not in _cities(call)]
        delivered = [event for call in batches for event in json.loads(call.body)]
        infos = [letter["DDBStreamBatchInfo"] for letter in await at.dead_letters()]
        assert {event["dynamodb"]["SequenceNumber"] for event in delivered} == set(wanted) - bad
        assert {info["startSequenceNumber"] for info in infos} == bad
        assert all(info["startSequenceNumber"] == info["endSequenceNumber"] for info in infos)
        assert (status["delivered"], status["dead_lettered"]) == (len(wanted) - len(bad), len(bad))
        assert (status["read"], status["filtered"]) == (len(records), len(records) - len(wanted))
        for city in CITIES:
            mine = [e["dynamodb"] for e in delivered if e["dynamodb"]["Keys"]["Location"]["S"] == city]
            firsts = list(dict.fromkeys(change["SequenceNumber"] for change in mine))
            assert firsts == sorted(firsts)


def _cities(call: Call) -> set[str]:
    return {event["dynamodb"]["Keys"]["Location"]["S"] for event in json.loads(call.body)}
