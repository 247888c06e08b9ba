"""Temperatures in the unit that a viewer chose. The table stores °F; °C is only shown and entered. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import Enum

_HUNDREDTH = Decimal("0.01")
#: Digits enough for any DynamoDB number (38 digits, up to 1E+125) with two decimal places.
_DIGITS = 200


class Unit(Enum):
    """A unit of temperature, by its sign."""

    FAHRENHEIT = "°F"
    CELSIUS = "°C"


#: The unit of the table.
STORED = Unit.FAHRENHEIT


def shown(stored_f: Decimal, unit: Unit) -> Decimal:
    """A stored temperature in `unit`: as it is in °F, rounded to two decimal places in °C."""
    if unit is STORED:
        return stored_f
    return _rounded((stored_f - 32) * 5 / 9)


def stored(entered: Decimal, unit: Unit) -> Decimal:
    """An entered temperature in °F, rounded to the two decimal places that the table takes when it was °C."""
    if unit is STORED:
        return entered
    return _rounded(entered * 9 / 5 + 32)


def kept(entered: Decimal, unit: Unit, loaded_f: Decimal | None) -> Decimal:
    """`stored`, but exactly `loaded_f` when what was entered is what was shown for it: nobody changed it."""
    if loaded_f is not None and float(entered) == float(shown(loaded_f, unit)):
        return loaded_f
    return stored(entered, unit)


def _rounded(value: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = _DIGITS
        return value.quantize(_HUNDREDTH, rounding=ROUND_HALF_EVEN)
