"""Our event patterns against the embedded emulator's TestEventPattern, on patterns and records made at random."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.aws.emulator import Emulator
from sandbox.pipes.syntax.filters import compile_pattern
from tests.support.running_pipes import ACCOUNT, REGION

EMULATOR = Emulator(ACCOUNT, 0)

texts = st.sampled_from(["", "a", "A", "ab", "b", "10"])
numbers = st.sampled_from([0, 1, 2.5, 10, -3])
scalars = st.one_of(texts, numbers, st.booleans(), st.none())
leaves = st.one_of(scalars, st.lists(scalars, max_size=3))
names = st.sampled_from(["S", "N", "k", "m"])
records = st.dictionaries(
    names, st.recursive(leaves, lambda inner: st.dictionaries(names, inner, max_size=3)), max_size=3
)

operators = st.one_of(
    scalars,
    texts.map(lambda text: {"prefix": text}),
    texts.map(lambda text: {"suffix": text}),
    texts.map(lambda text: {"equals-ignore-case": text}),
    st.one_of(texts, numbers, st.lists(texts, min_size=1, max_size=2)).map(lambda value: {"anything-but": value}),
    st.booleans().map(lambda present: {"exists": present}),
    st.tuples(st.sampled_from(["<", "<=", "=", ">", ">="]), numbers).map(lambda pair: {"numeric": list(pair)}),
    st.just({"numeric": [">", 0, "<=", 5]}),
)
values = st.lists(operators, min_size=1, max_size=2)
patterns = st.dictionaries(
    names,
    st.recursive(values, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=2), max_leaves=3),
    min_size=1,
    max_size=2,
)


@given(patterns, records)
@settings(max_examples=400, deadline=None)
def test_a_pattern_takes_what_the_emulator_takes(pattern: dict[str, Any], record: dict[str, Any]) -> None:
    assert compile_pattern(json.dumps(pattern)).matches(record) is asyncio.run(emulated(pattern, record))


@given(st.tuples(patterns, patterns), records)
@settings(max_examples=100, deadline=None)
def test_alternatives_take_what_the_emulator_takes(
    branches: tuple[dict[str, Any], dict[str, Any]], record: dict[str, Any]
) -> None:
    pattern = {"$or": list(branches)}
    assert compile_pattern(json.dumps(pattern)).matches(record) is asyncio.run(emulated(pattern, record))


async def emulated(pattern: dict[str, Any], record: dict[str, Any]) -> bool:
    """What the emulator says of a record, which it knows as the detail of an event only."""
    event = {
        "id": "1", "account": ACCOUNT, "source": "s", "time": "2026-11-21T00:00:00Z", "region": REGION,
        "resources": [], "detail-type": "t", "detail": record,
    }  # fmt: skip
    payload = {"EventPattern": json.dumps({"detail": pattern}), "Event": json.dumps(event)}
    answer = await EMULATOR.call("events.TestEventPattern", payload, region=REGION)
    return bool(answer["Result"])
