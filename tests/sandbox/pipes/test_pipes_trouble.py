"""Whatever goes wrong, and wherever the process dies: the invariants of DESIGN, section 4.

`CONSERVATION_OPERATIONS` says how many operations are played, 240 when it is not set:

    CONSERVATION_OPERATIONS=10000 python -m pytest tests/sandbox/pipes/test_pipes_trouble.py -k whatever \\
        --timeout 3600 --hypothesis-seed 1 --hypothesis-show-statistics
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.support.running_trouble import FLOWS, Crash, Flow, Trouble, trouble, wanted

OPERATIONS = int(os.environ.get("CONSERVATION_OPERATIONS", "240"))
LENGTH = 40
#: The last two are never deleted, so nothing can overtake on their way through the pipes.
CITIES = ("Oslo", "Rome", "Bad Ems", "Lima", "Ulm")
NEVER_DELETED = CITIES[3:]

flows = st.sampled_from([flow.name for flow in FLOWS])
faults = st.sampled_from(
    ["500", "503", "429", "401", "400", "404", "301", "late", "reset before", "reset after", "partial"]
)
points = st.sampled_from(
    ["request", "answer", "before sqs.SendMessage", "after sqs.SendMessage", "before sqs.GetQueueUrl"]
    + ["before dynamodbstreams.GetRecords", "after dynamodbstreams.GetRecords", "now"]
)
steps = st.one_of(
    st.tuples(st.just("turn")),
    st.tuples(st.just("put"), st.sampled_from(CITIES)),
    st.tuples(st.just("put"), st.sampled_from(CITIES)),
    st.tuples(st.just("delete"), st.sampled_from(CITIES[:3])),
    st.tuples(st.just("fault"), flows, st.lists(faults, min_size=1, max_size=4)),
    st.tuples(st.sampled_from(["down", "up", "settle"])),
    st.tuples(st.just("refuse"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["stop", "start"]), flows),
    st.tuples(st.just("crash"), points, st.integers(0, 12)),
)


@given(st.lists(steps, min_size=LENGTH, max_size=LENGTH))
@settings(
    max_examples=max(1, OPERATIONS // LENGTH),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # A script takes a second: shrinking one would take minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_whatever_happens_nothing_is_lost_and_order_is_kept(script: list[tuple[Any, ...]]) -> None:
    asyncio.run(_play(script))


async def _play(script: list[tuple[Any, ...]]) -> None:
    async with trouble() as at:
        for number, step in enumerate(script):
            await at.recover()
            await _take(at, number, step)
        records = await at.calm()
        for flow in FLOWS:
            _check_flow(at, flow, records)
        if not at.dead["put"]:
            _check_cache(at, NEVER_DELETED, await _table(at))
        await _end_in_peace(at)
        event(f"crashes: {at.fuse.crashes}")
        event(f"dead letters: {any(at.dead.values())}")


async def _take(at: Trouble, number: int, step: tuple[Any, ...]) -> None:
    match step:
        case ("turn",):
            await asyncio.sleep(0)
        case ("settle",):
            await asyncio.sleep(0.01)
        case ("put", city):
            await at.at.put(city, MaxTemp=number)
        case ("delete", city):
            await at.at.delete(city)
        case ("fault", flow, kinds):
            at.endpoint.faults[flow].extend(kinds)
        case ("down",):
            await at.endpoint.down()
        case ("up",) if at.endpoint.is_down:
            await at.endpoint.up()
        case ("refuse", times):
            at.refusals = times
        case ("stop", flow):
            await at.turn(flow, "stop_pipe", "STOPPED")
        case ("start", flow):
            await at.turn(flow, "start_pipe", "RUNNING")
        case ("crash", point, turns):
            at.fuse.want(Crash(point, turns))
            at.fuse.passes("now")
            await asyncio.sleep(0)


def _check_flow(at: Trouble, flow: Flow, records: list[dict[str, Any]]) -> None:
    """Each record is delivered, a dead letter or filtered; what arrives of a key arrives in order."""
    expected = wanted(flow, records)
    effects = [effect for effect in at.endpoint.effects if effect.flow == flow.name]
    dead = set(at.dead[flow.name])
    assert {e.sequence for e in effects if e.answered} | dead >= set(expected), f"{flow.name} has lost a record"
    assert {e.sequence for e in effects} | dead <= set(expected), f"{flow.name} took what it leaves out"
    for city in CITIES:
        of_city = wanted(flow, [r for r in records if r["dynamodb"]["Keys"]["Location"]["S"] == city])
        mine = [e.sequence for e in effects if e.key == city and e.sequence not in dead]
        firsts = list(dict.fromkeys(mine))
        assert firsts == sorted(firsts), f"{flow.name} has {city} out of order"
        if of_city and not dead & set(of_city):
            assert mine[-1] == of_city[-1], f"{flow.name} ended with an older record of {city}"


async def _table(at: Trouble) -> dict[str, Any]:
    items = (await at.at.call("dynamodb.Scan", TableName=at.at.table))["Items"]
    return {item["Location"]["S"]: item for item in items}


def _cache(at: Trouble) -> dict[str, Any]:
    """What a cache holds that did what the flows put and delete told it to."""
    held: dict[str, Any] = {}
    for effect in at.endpoint.effects:
        if effect.flow == "put":
            held[effect.key] = effect.item
        elif effect.flow == "delete":
            held.pop(effect.key, None)
    return held


def _check_cache(at: Trouble, cities: tuple[str, ...], table: dict[str, Any]) -> None:
    held = _cache(at)
    for city in cities:
        assert held.get(city) == table.get(city), city


async def _end_in_peace(at: Trouble) -> None:
    """With no trouble left, what is written last is what the cache has: nothing of before comes back."""
    for temperature in range(1000, 1010):
        before = {flow: len(dead) for flow, dead in at.dead.items()}
        for city in CITIES:
            await at.at.put(city, MaxTemp=temperature)
        await at.calm()
        await at.at.delete(CITIES[0])
        await at.calm()
        if {flow: len(dead) for flow, dead in at.dead.items()} == before:
            break
        # The endpoint has a quarter of a second, which a busy machine may not give it.
    else:
        raise AssertionError("there are dead letters without a reason")
    table = await _table(at)
    assert set(table) == set(CITIES[1:])
    _check_cache(at, CITIES, table)
