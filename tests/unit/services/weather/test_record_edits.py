"""Edited cells as a change: what was edited is new, all else stays as it is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.weather.changes import Change, Conflict, request
from services.weather.edits import edited, foreign, number_of
from services.weather.table import WeatherRecord
from services.weather.units import Unit
from tests.support.wire import item


def test_only_edited_cells_change_and_the_rest_keeps_its_digits() -> None:
    loaded = item("Oslo", MaxTemp="70.01", MinTemp="50.02")

    change, problems = edited(loaded, {"MinTemp": 10.0}, Unit.CELSIUS)

    assert problems == {}
    assert change == Change("Oslo", loaded, WeatherRecord("Oslo", Decimal("70.01"), Decimal(50), Decimal(10), 3600))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"MaxTemp": None}, "Maximum temperature is not given."),
        ({"MaxTemp": 500}, "Maximum temperature is 500 °F."),
        ({"MaxTemp": 40}, "below the minimum of 50 °F."),
        ({"TTL": 1.5}, "Time to live in the cache is 1.5 s."),
    ],
)
def test_a_wrong_cell_is_told_as_the_form_tells_it(cells: dict[str, Any], message: str) -> None:
    change, problems = edited(item("Oslo"), cells, Unit.FAHRENHEIT)

    assert change is None
    assert message in " ".join(problem.what for problem in problems.values())


def test_a_key_that_the_form_would_refuse_is_never_written_under_another_name() -> None:
    for location in (" Oslo", 'Say "hi"'):
        change, problems = edited(item(location), {"MaxTemp": 71}, Unit.FAHRENHEIT)

        assert change is None
        assert list(problems) == ["Location"]


def test_an_item_that_is_not_complete_can_be_completed() -> None:
    loaded = {"Location": {"S": "Oslo"}, "MaxTemp": {"S": "70"}, "Note": {"S": "x"}, "TTL": {"NULL": True}}

    change, problems = edited(loaded, {"MinTemp": 50, "ChancesOfPrecipitation": 10, "TTL": 60}, Unit.FAHRENHEIT)

    assert problems == {}
    assert change is not None
    assert change.record == WeatherRecord("Oslo", Decimal(70), Decimal(50), Decimal(10), 60)
    assert foreign(loaded) == ("Note",)
    assert number_of(loaded, "TTL") is None


def test_a_change_names_every_attribute_as_it_was_and_sets_only_ours() -> None:
    loaded = {"Location": {"S": "Oslo"}, "MaxTemp": {"N": "70"}, "Name": {"S": "x"}}
    change = Change("Oslo", loaded, WeatherRecord("Oslo", Decimal(71), Decimal(50), Decimal(10), 60))

    wanted = request(change)

    text = wanted["ConditionExpression"] + " / " + wanted["UpdateExpression"]
    for mark, name in sorted(wanted["ExpressionAttributeNames"].items(), reverse=True):
        text = text.replace(mark, name)
    for mark, value in sorted(wanted["ExpressionAttributeValues"].items(), reverse=True):
        text = text.replace(mark, next(iter(value.values())))
    assert text == (
        "attribute_exists(Location) AND MaxTemp = 70 AND Name = x AND attribute_not_exists(MinTemp)"
        " AND attribute_not_exists(ChancesOfPrecipitation) AND attribute_not_exists(TTL)"
        " / SET MaxTemp = 71, MinTemp = 50, ChancesOfPrecipitation = 10, TTL = 60"
    )


def test_a_conflict_whose_other_side_is_what_was_wanted_is_none() -> None:
    record = WeatherRecord("Oslo", Decimal(71), Decimal(50), Decimal(10), 3600)
    change = Change("Oslo", item("Oslo"), record)

    assert Conflict(change, item("Oslo", MaxTemp="71.0")).already
    assert not Conflict(change, item("Oslo", MaxTemp="72")).already
    assert not Conflict(change, None).already
    assert Conflict(Change("Oslo", item("Oslo"), None), None).already
