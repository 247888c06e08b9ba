"""Changes of records that overwrite nobody: each is made only if the item still is as it was loaded.

A change that finds something else is no error but an outcome, `Conflict`, with what is there now. Attributes that the
dashboard does not know stay as they are: a change sets the four that it knows and touches no other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from core import names
from core.acknowledged import acknowledged
from core.aws import Aws
from services.weather.paging import Item
from services.weather.table import WeatherRecord, Write

#: What a change sets.
_SET = ("MaxTemp", "MinTemp", "ChancesOfPrecipitation", "TTL")


@dataclass(frozen=True)
class Change:
    """A record to write, or with None to delete. `loaded` is the item as it was read; None: there was none."""

    location: str
    loaded: Item | None
    record: WeatherRecord | None


@dataclass(frozen=True)
class Conflict:
    """A change that was not made, and the item that is there now; None when there is none."""

    change: Change
    theirs: Item | None

    @property
    def already(self) -> bool:
        """Whether the table says what the change wanted: somebody else, or a lost answer's first try, did it."""
        record = self.change.record
        if record is None or self.theirs is None:
            return record is None and self.theirs is None
        return holds(self.theirs, record)

    def mine_over_theirs(self) -> Change:
        """The same change, made if the item still is what was found."""
        return Change(self.change.location, self.theirs, self.change.record)


def holds(item: Item, record: WeatherRecord) -> bool:
    """Whether an item has the record's values; numbers are compared as numbers."""
    wanted = record.item()
    return all(same_value(item.get(name), wanted[name]) for name in _SET)


def same_value(left: Any, right: Any) -> bool:
    """Whether two attribute values are equal as DynamoDB compares them: {"N": "70"} equals {"N": "70.0"}."""
    if left == right:
        return True
    try:
        return Decimal(left["N"]) == Decimal(right["N"])
    except (TypeError, KeyError, InvalidOperation):
        return False


def request(change: Change) -> dict[str, Any]:
    """The parameters of UpdateItem or DeleteItem, and of the same step of a transaction, for a change."""
    parts = _Expression()
    if change.loaded is None:
        condition = f"attribute_not_exists({parts.name(names.TABLE_KEY)})"
    else:
        condition = _as_loaded(parts, change.loaded)
    wanted: dict[str, Any] = {
        "TableName": names.TABLE,
        "Key": {names.TABLE_KEY: {"S": change.location}},
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if change.record is not None:
        item = change.record.item()
        sets = [f"{parts.name(name)} = {parts.value(item[name])}" for name in _SET]
        wanted["UpdateExpression"] = f"SET {', '.join(sets)}"
    wanted["ExpressionAttributeNames"] = parts.names
    if parts.values:
        wanted["ExpressionAttributeValues"] = parts.values
    return wanted


class _Expression:
    """Collects the names and values that an expression mentions: none of ours may be a reserved word."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        for mark, known in self.names.items():
            if known == attribute:
                return mark
        mark = f"#n{len(self.names)}"
        self.names[mark] = attribute
        return mark

    def value(self, content: Any) -> str:
        mark = f":v{len(self.values)}"
        self.values[mark] = content
        return mark


def _as_loaded(parts: _Expression, loaded: Item) -> str:
    """Every attribute is as it was, and none of ours has come since."""
    terms = [f"attribute_exists({parts.name(names.TABLE_KEY)})"]
    for name, value in loaded.items():
        if name != names.TABLE_KEY:
            terms.append(f"{parts.name(name)} = {parts.value(value)}")
    terms += [f"attribute_not_exists({parts.name(name)})" for name in _SET if name not in loaded]
    return " AND ".join(terms)


class WeatherChanges:
    """Makes changes one by one. `make` raises a DashboardError when the table cannot be asked."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def make(self, change: Change) -> Write | Conflict:
        """Writes or deletes one record if it still is as it was loaded."""
        act = "Deleting" if change.record is None else "Writing"
        sent_at, started = time.time(), time.perf_counter()
        try:
            with acknowledged(f"{act} {change.location!r} in table {names.TABLE}"):
                answer = self._send(change)
        except _Refused as refused:
            return Conflict(change, refused.theirs)
        elapsed_ms = (time.perf_counter() - started) * 1000
        units = float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
        return Write(change.location, kind_of(change), change.record, sent_at, elapsed_ms, units)

    def _send(self, change: Change) -> Any:
        table = self._aws.patient.dynamodb
        call: Any = table.delete_item if change.record is None else table.update_item
        try:
            return call(**request(change), ReturnConsumedCapacity="TOTAL")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                answer: Any = error.response
                raise _Refused(answer.get("Item") or None) from error
            raise


class _Refused(Exception):
    """Raised when the condition did not hold, with the item that is there."""

    def __init__(self, theirs: Item | None) -> None:
        super().__init__()
        self.theirs = theirs


def kind_of(change: Change) -> str:
    """The change as the stream will say it; "" when it changed nothing and leaves no stream record."""
    if change.record is None:
        return "REMOVE"
    if change.loaded is None:
        return "INSERT"
    wanted = change.record.item()
    return "" if all(change.loaded.get(name) == wanted[name] for name in _SET) else "MODIFY"
