"""Cells that somebody edited, as a change of the record. Pure.

Only what was edited changes: every other value is kept as the table has it, to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import InvalidInput
from services.weather.changes import Change
from services.weather.paging import Item, location_of
from services.weather.table import LABELS, check, plain
from services.weather.units import Unit, kept

TEMPERATURES = ("MaxTemp", "MinTemp")


def number_of(item: Item, name: str) -> Decimal | None:
    """A number attribute of an item; None when it is not there or no number."""
    try:
        number = Decimal(str(plain(item).get(name, "")))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def foreign(item: Item) -> tuple[str, ...]:
    """Names of the attributes that are none of a weather record's; an edit leaves them as they are."""
    return tuple(sorted(name for name in item if name not in LABELS))


def edited(item: Item, cells: Mapping[str, Any], unit: Unit) -> tuple[Change | None, dict[str, InvalidInput]]:
    """The change that edited cells (attribute name -> new value) make of an item, or None and what is wrong."""
    fields: dict[str, Any] = {name: plain(item).get(name) for name in LABELS}
    for name, value in cells.items():
        fields[name] = in_fahrenheit(value, unit, number_of(item, name)) if name in TEMPERATURES else value
    record, problems = check(fields)
    if record is None:
        return None, problems
    if record.location != location_of(item):
        error = InvalidInput("Location", "Location has blanks around it.", "Delete this record and enter it anew.")
        return None, {"Location": error}
    return Change(record.location, item, record), {}


def in_fahrenheit(value: Any, unit: Unit, stored_f: Decimal | None) -> Any:
    """An entered temperature in °F; what is no number stays as it is, for the check to say so."""
    try:
        return kept(Decimal(str(value)), unit, stored_f)
    except InvalidOperation:
        return value
