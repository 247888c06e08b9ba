"""Whether the cache says what the table says, for whatever bytes somebody put into the cache."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cache.agreement import Agreement, agreement, same

ITEM = {"Location": "Oslo", "MaxTemp": "70", "MinTemp": "50.5", "ChancesOfPrecipitation": "0", "TTL": "60"}
CACHED = {"Location": "Oslo", "MaxTemp": "70", "MinTemp": "50.5", "ChancesOfPrecipitation": "0"}


def test_every_combination_of_the_two_sides_has_its_word() -> None:
    value = json.dumps(CACHED).encode()

    assert agreement(None, None) is Agreement.NEITHER
    assert agreement(ITEM, None) is Agreement.MISS
    assert agreement(None, value) is Agreement.ORPHANED
    assert agreement(None, b"") is Agreement.ORPHANED
    assert agreement(ITEM, value) is Agreement.EQUAL
    assert agreement(ITEM, b"") is Agreement.DIFFERENT


@pytest.mark.parametrize(
    "change",
    [
        {"MaxTemp": 70},
        {"MaxTemp": 70.0},
        {"MaxTemp": "70.00"},
        {"MaxTemp": "7e1"},
        {"ChancesOfPrecipitation": "-0"},
        {"Extra": "ignored"},
    ],
)
def test_numbers_are_equal_as_numbers_and_other_members_do_not_count(change: dict[str, object]) -> None:
    assert same(ITEM, json.dumps(CACHED | change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"MaxTemp": "71"},
        {"MaxTemp": ""},
        {"MaxTemp": None},
        {"MaxTemp": [70]},
        {"MaxTemp": {"N": "70"}},
        {"MaxTemp": "sNaN"},
        {"MaxTemp": True},
        {"Location": "oslo"},
    ],
)
def test_a_value_that_is_another_is_different(change: dict[str, object]) -> None:
    assert not same(ITEM, json.dumps(CACHED | change).encode())


def test_a_missing_member_is_different() -> None:
    assert not same(ITEM, json.dumps({"Location": "Oslo"}).encode())


def test_locations_are_equal_as_texts_only() -> None:
    """A location may look like a number; 7 and 7.0 are two keys."""
    assert not same({**ITEM, "Location": "7"}, json.dumps(CACHED | {"Location": "7.0"}).encode())


def test_an_attribute_that_both_sides_lack_is_equal() -> None:
    assert same({"Location": "Oslo"}, json.dumps({"Location": "Oslo", "MaxTemp": "", "MinTemp": ""}).encode())


@pytest.mark.parametrize(
    "foreign",
    [b"", b"not json", b"null", b"42", b'"text"', b"[]", b"[1, 2]", b"\xff\xfe\xfd", b"\x80", b'{"Location":', b"{}"],
)
def test_foreign_bytes_are_different(foreign: bytes) -> None:
    assert not same(ITEM, foreign)


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"MaxTemp":' + b"[" * 900 + b"]" * 900 + b"}"])
def test_deeply_nested_json_is_different(deep: bytes) -> None:
    assert not same(ITEM, deep)


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_no_bytes_whatever_raise(cached: bytes) -> None:
    assert agreement(ITEM, cached) is Agreement.DIFFERENT
