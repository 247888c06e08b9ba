"""What may be entered as a weather record, and what is said about what may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from services.weather.table import LABELS, WeatherRecord, check, key_of, number_text, plain

GOOD: dict[str, Any] = {
    "Location": "Seattle",
    "MaxTemp": 80,
    "MinTemp": 60,
    "ChancesOfPrecipitation": 20,
    "TTL": 3600,
}


def problems_of(**changes: Any) -> dict[str, InvalidInput]:
    record, problems = check(GOOD | changes)
    assert (record is None) == bool(problems)
    return problems


def test_a_good_record_is_taken() -> None:
    record, problems = check(GOOD)

    assert problems == {}
    assert record == WeatherRecord("Seattle", Decimal(80), Decimal(60), Decimal(20), 3600)


def test_an_empty_form_has_a_message_at_every_field() -> None:
    record, problems = check({})

    assert record is None
    assert set(problems) == set(LABELS)
    assert all(problem.field == name for name, problem in problems.items())
    assert all(problem.what and problem.advice for problem in problems.values())


@pytest.mark.parametrize("field", ["MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL"])
@pytest.mark.parametrize(
    "value", ["warm", "", "   ", None, "nan", "sNaN", "inf", "-Infinity", float("nan"), "1,5", "7_0", True]
)
def test_what_is_not_a_number_is_said_at_its_field(field: str, value: Any) -> None:
    problems = problems_of(**{field: value})

    assert list(problems) == [field]
    assert LABELS[field] in problems[field].what


@pytest.mark.parametrize("field", ["MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL"])
@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 400, "1e999999999", "1e-999999999"])
def test_a_monstrous_number_gets_a_short_message(field: str, value: str) -> None:
    problems = problems_of(**{field: value})

    assert list(problems) == [field]
    assert len(str(problems[field])) < 200


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("TTL", -1, False),
        ("TTL", 0, False),
        ("TTL", 1, True),
        ("TTL", 86_400, True),
        ("TTL", 86_401, False),
        ("TTL", "1.5", False),
        ("TTL", "60.0", True),
        ("ChancesOfPrecipitation", 0, True),
        ("ChancesOfPrecipitation", 100, True),
        ("ChancesOfPrecipitation", "-0.01", False),
        ("ChancesOfPrecipitation", "100.01", False),
        ("ChancesOfPrecipitation", "33.33", True),
        ("ChancesOfPrecipitation", "33.333", False),
        ("MaxTemp", 200, True),
        ("MaxTemp", "70.0000", True),
        ("MaxTemp", "70." + "3" * 400, False),
        ("MaxTemp", 201, False),
        ("MinTemp", -200, True),
        ("MinTemp", "-200.01", False),
        ("MaxTemp", 60, True),
        ("MaxTemp", "59.99", False),
        ("MinTemp", 80, True),
        ("Location", "x" * 128, True),
        ("Location", "x" * 129, False),
        ("Location", "  Oslo  ", True),
        ("Location", "Zürich 🌦 東京", True),
        ("Location", "a/b?c=d&e#f%41+g", True),
        ("Location", "", False),
        ("Location", " \t\n", False),
        ("Location", None, False),
        ("Location", 'New "York"', False),
        ("Location", "New\\York", False),
        ("Location", "New\nYork", False),
        ("Location", "New\x00York", False),
        ("Location", "New\u202eYork", False),
        ("Location", "New\ud800York", False),
    ],
)
def test_a_value_is_allowed_up_to_its_limits_and_no_further(field: str, value: Any, allowed: bool) -> None:
    problems = problems_of(**{field: value})

    assert list(problems) == ([] if allowed else [field])


def test_a_maximum_below_the_minimum_names_both() -> None:
    problem = problems_of(MaxTemp=50, MinTemp="60.50")["MaxTemp"]

    assert "50 °F" in problem.what
    assert "60.5 °F" in problem.what


def test_several_bad_fields_are_all_told_at_once() -> None:
    assert set(problems_of(Location="", TTL=0, ChancesOfPrecipitation=101)) == {
        "Location",
        "TTL",
        "ChancesOfPrecipitation",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("70", "70"),
        ("70.0", "70"),
        ("70.50", "70.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0", "0"),
        ("0.00", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("-7.10", "-7.1"),
        ("0E+3", "0"),
    ],
)
def test_a_number_is_written_as_dynamodb_writes_it_back(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


tenths = st.decimals(min_value=-200, max_value=200, places=2)
names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\'), min_size=1, max_size=128)


@given(
    location=names,
    temperatures=st.lists(tenths, min_size=2, max_size=2).map(sorted),
    chance=st.decimals(min_value=0, max_value=100, places=2),
    ttl=st.integers(1, 86_400),
)
def test_a_record_that_is_allowed_comes_back_from_the_table_as_it_was(
    location: str, temperatures: list[Decimal], chance: Decimal, ttl: int
) -> None:
    low, high = temperatures
    record, _ = check(
        {"Location": location, "MaxTemp": high, "MinTemp": str(low), "ChancesOfPrecipitation": chance, "TTL": ttl}
    )
    assert record is not None

    read_back, problems = check(plain(record.item()))

    assert problems == {}
    assert read_back == record


@given(st.dictionaries(st.sampled_from(sorted(LABELS)), st.text() | st.floats() | st.integers() | st.none()))
def test_no_input_whatever_raises(fields: dict[str, Any]) -> None:
    record, problems = check(fields)

    assert (record is None) == bool(problems)


def test_attributes_of_any_type_are_shown_as_text() -> None:
    item = {"Location": {"S": "Oslo"}, "MaxTemp": {"N": "7"}, "Odd": {"NULL": True}, "Map": {"M": {"a": {"N": "1"}}}}

    assert plain(item) == {"Location": "Oslo", "MaxTemp": "7", "Odd": "True", "Map": "{'a': {'N': '1'}}"}


@pytest.mark.parametrize("key", [" lead", 'quoted "town"', "back\\slash", "x" * 300, "tab\there"])
def test_a_key_that_is_in_the_table_is_taken_as_it_is(key: str) -> None:
    assert key_of(key) == key


@pytest.mark.parametrize("key", [None, "", "x" * 2049])
def test_what_cannot_be_a_key_is_refused(key: str | None) -> None:
    with pytest.raises(InvalidInput):
        key_of(key)


@pytest.mark.parametrize("location", ["ශ්\u200dරී ජයවර්ධනපුර", "نوش\u200cآباد", "👩\u200d🌾"])
def test_a_name_that_is_spelled_with_joiners_is_taken_as_it_is(location: str) -> None:
    record, problems = check(GOOD | {"Location": location})

    assert problems == {}
    assert record is not None
    assert record.location == location


@pytest.mark.parametrize(
    "location", ["Os\u200dlo", "Oslo\u200d", "\u200cنوش", "نوش\u200c\u200cآباد", "نوش\u200c Oslo", "Os\u202elo"]
)
def test_a_joiner_that_joins_nothing_is_an_invisible_character(location: str) -> None:
    problems = problems_of(Location=location)

    assert "invisible" in problems["Location"].what
