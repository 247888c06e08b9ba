"""Units: what is shown in °C, what is stored of it, and that what nobody changed stays as it is stored."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.weather.units import Unit, kept, shown, stored


@pytest.mark.parametrize(
    ("fahrenheit", "celsius"),
    [("32", "0"), ("212", "100"), ("-40", "-40"), ("70.7", "21.5"), ("61", "16.11"), ("98.6", "37")],
)
def test_a_stored_temperature_is_shown_in_celsius_to_the_hundredth(fahrenheit: str, celsius: str) -> None:
    assert shown(Decimal(fahrenheit), Unit.CELSIUS) == Decimal(celsius)
    assert shown(Decimal(fahrenheit), Unit.FAHRENHEIT) == Decimal(fahrenheit)


@pytest.mark.parametrize(("celsius", "fahrenheit"), [("0", "32"), ("21.37", "70.47"), ("-17.78", "0"), ("16.11", "61")])
def test_an_entered_celsius_is_stored_to_the_hundredth_of_a_fahrenheit(celsius: str, fahrenheit: str) -> None:
    assert stored(Decimal(celsius), Unit.CELSIUS) == Decimal(fahrenheit)


@pytest.mark.parametrize("unit", Unit)
def test_no_stored_hundredth_changes_by_being_shown_and_saved(unit: Unit) -> None:
    for hundredths in range(-20_000, 20_001, 7):
        temperature = Decimal(hundredths) / 100
        # The inputs of a page give floats.
        entered = Decimal(str(float(shown(temperature, unit))))
        assert kept(entered, unit, temperature) == temperature


def test_without_the_stored_value_a_hundredth_of_a_degree_would_move() -> None:
    temperature = Decimal("70.01")

    assert stored(shown(temperature, Unit.CELSIUS), Unit.CELSIUS) != temperature
    assert kept(shown(temperature, Unit.CELSIUS), Unit.CELSIUS, temperature) == temperature


def test_a_value_that_was_edited_is_stored_as_edited() -> None:
    assert kept(Decimal("21.12"), Unit.CELSIUS, Decimal("70")) == Decimal("70.02")
    assert kept(Decimal("71"), Unit.FAHRENHEIT, Decimal("70")) == Decimal("71")


def test_any_number_of_dynamodb_can_be_shown() -> None:
    assert shown(Decimal("1E+125"), Unit.CELSIUS) > 0
    assert shown(Decimal("9.9999999999999999999999999999999999999E-130"), Unit.CELSIUS) == Decimal("-17.78")
