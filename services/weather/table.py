"""Weather records: what one is, which input is allowed, and the table they live in.

An item of the table is Location (S, the key), MaxTemp, MinTemp and ChancesOfPrecipitation (N), and TTL (N): a
duration in seconds that becomes the lifetime of the cache item. It is not DynamoDB's own TTL attribute.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from core import names
from core.acknowledged import acknowledged
from core.aws import Aws, translated
from core.errors import InvalidInput
from services.weather.paging import RecordPages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

#: DynamoDB's limit for a partition key.
KEY_MAX_BYTES = 2048
#: What the keys of the canary begin with (services/tracking/canary.py); nobody may enter such a location.
RESERVED_PREFIX = "canary/"
#: Temperatures in °F that the form takes: anything measured on Earth, with room.
TEMPERATURE_LIMIT_F = Decimal(200)
#: Lifetime of a cache item in seconds; a day is Momento's limit on demand (facts/momento.md, section 7).
TTL_MIN_S, TTL_MAX_S = 1, 86_400

#: A joiner between two characters beyond ASCII: names in Sinhala or Persian are written with them, and some emoji.
_JOINER = re.compile(r"(?<=[^\x00-\x7f\u200c\u200d])[\u200c\u200d](?=[^\x00-\x7f\u200c\u200d])")

#: Digits of a refused number that a message quotes.
_DIGITS_SHOWN = 20

#: The fields of the form, by attribute name, as people read them.
LABELS = {
    "Location": "Location",
    "MaxTemp": "Maximum temperature",
    "MinTemp": "Minimum temperature",
    "ChancesOfPrecipitation": "Chance of precipitation",
    "TTL": "Time to live in the cache",
}


@dataclass(frozen=True)
class WeatherRecord:
    """One record: temperatures in °F, chance of precipitation in %, `ttl_s` in seconds."""

    location: str
    max_temp: Decimal
    min_temp: Decimal
    chance: Decimal
    ttl_s: int

    def item(self) -> dict[str, AttributeValueTypeDef]:
        """The DynamoDB item."""
        return {
            "Location": {"S": self.location},
            "MaxTemp": {"N": number_text(self.max_temp)},
            "MinTemp": {"N": number_text(self.min_temp)},
            "ChancesOfPrecipitation": {"N": number_text(self.chance)},
            "TTL": {"N": str(self.ttl_s)},
        }


def number_text(value: Decimal) -> str:
    """A number as DynamoDB writes it back: no exponent, no trailing zeros."""
    if value == 0:
        return "0"  # Zero has a sign and an exponent of its own in Decimal, and neither in DynamoDB.
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def check(fields: Mapping[str, Any]) -> tuple[WeatherRecord | None, dict[str, InvalidInput]]:
    """The record that the fields make, or None and what is wrong, by attribute name.

    Values may be text or numbers, as a form or a file gives them; None and "" count as not given.
    """
    problems: dict[str, InvalidInput] = {}
    location = _collect(problems, "Location", lambda: check_location(fields.get("Location")))
    high = _collect(problems, "MaxTemp", lambda: _temperature("MaxTemp", fields.get("MaxTemp")))
    low = _collect(problems, "MinTemp", lambda: _temperature("MinTemp", fields.get("MinTemp")))
    chance = _collect(problems, "ChancesOfPrecipitation", lambda: _chance(fields.get("ChancesOfPrecipitation")))
    ttl = _collect(problems, "TTL", lambda: _ttl(fields.get("TTL")))
    if high is not None and low is not None and high < low:
        problems["MaxTemp"] = InvalidInput(
            "MaxTemp",
            f"{LABELS['MaxTemp']} is {number_text(high)} °F, below the minimum of {number_text(low)} °F.",
            "It must be at least the minimum.",
        )
    if problems or location is None or high is None or low is None or chance is None or ttl is None:
        return None, problems
    return WeatherRecord(location, high, low, chance, ttl), {}


def check_location(value: Any) -> str:
    """The location without blanks around it. Raises InvalidInput."""
    text = str(value or "").strip()
    if not text:
        raise InvalidInput("Location", "Location is empty.", "Enter a name, such as Seattle.")
    if len(text) > names.LOCATION_MAX_CHARACTERS:
        raise InvalidInput(
            "Location",
            f"Location has {len(text)} characters.",
            f"At most {names.LOCATION_MAX_CHARACTERS} are allowed.",
        )
    if '"' in text or "\\" in text:
        raise InvalidInput(
            "Location",
            "Location has a quotation mark or a backslash in it.",
            "Pipes puts values into its JSON unescaped as they are, so these would break the event.",
        )
    if text.startswith(RESERVED_PREFIX):
        raise InvalidInput(
            "Location", f"Location begins with {RESERVED_PREFIX}.", "That is reserved for the canary; choose another."
        )
    if not _JOINER.sub("", text).isprintable():
        raise InvalidInput("Location", "Location has an invisible character in it.", "Type it again.")
    return text


def key_of(value: Any) -> str:
    """The key of a record that may already exist, exactly as given: what is in the table may break our rules.

    Raises InvalidInput for what no item can have as its key: DynamoDB takes 1 to 2,048 bytes.
    """
    text = str(value or "")
    if not text:
        raise InvalidInput("Location", "Location is empty.", "Choose or enter one.")
    if len(text.encode("utf-8", "replace")) > KEY_MAX_BYTES:
        raise InvalidInput("Location", "Location is longer than any key in the table.", "Shorten it.")
    return text


def _collect(problems: dict[str, InvalidInput], field: str, parse: Any) -> Any:
    try:
        return parse()
    except InvalidInput as error:
        problems[field] = error
        return None


def _number(field: str, value: Any) -> Decimal:
    label = LABELS[field]
    if value is None or str(value).strip() == "":
        raise InvalidInput(field, f"{label} is not given.", "Enter a number.")
    text = str(value).strip()
    try:
        # Decimal takes 7_0 for 70, as Python's own numbers are written.
        number = Decimal("nan" if "_" in text else text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InvalidInput(field, f"{label} is {str(value)[:40]!r}, which is not a number.", "Enter a number.")
    return number


def _within(field: str, value: Any, low: Decimal | int, high: Decimal | int, unit: str) -> Decimal:
    number = _number(field, value)
    if not low <= number <= high:
        raise InvalidInput(field, f"{LABELS[field]} is {_short(number)}{unit}.", f"Allowed are {low} to {high}{unit}.")
    if number != round(number, 2):
        raise InvalidInput(
            field, f"{LABELS[field]} is {_short(number)}{unit}.", "At most two decimal places are allowed."
        )
    return number


def _short(number: Decimal) -> str:
    """A number as people write it, unless that takes very many digits: "1e999999999" is a number, too."""
    text = number_text(number) if abs(number.adjusted()) < _DIGITS_SHOWN else f"{number:.3E}"
    return text if len(text) <= _DIGITS_SHOWN else f"{text[:_DIGITS_SHOWN]}…"


def _temperature(field: str, value: Any) -> Decimal:
    return _within(field, value, -TEMPERATURE_LIMIT_F, TEMPERATURE_LIMIT_F, " °F")


def _chance(value: Any) -> Decimal:
    return _within("ChancesOfPrecipitation", value, 0, 100, " %")


def _ttl(value: Any) -> int:
    number = _within("TTL", value, TTL_MIN_S, TTL_MAX_S, " s")
    if number != number.to_integral_value():
        raise InvalidInput("TTL", f"{LABELS['TTL']} is {number} s.", "Enter whole seconds.")
    return int(number)


@dataclass(frozen=True)
class Write:
    """A write that DynamoDB has acknowledged.

    `kind` is INSERT, MODIFY or REMOVE as the stream will say it, or "" when nothing changed: a write that
    changes nothing leaves no stream record. Times: `sent_at` in epoch seconds, `acknowledged_ms` after it.
    """

    location: str
    kind: str
    record: WeatherRecord | None
    sent_at: float
    acknowledged_ms: float
    capacity_units: float


class WeatherTable:
    """The table. Every method raises a DashboardError that says what failed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def put(self, record: WeatherRecord) -> Write:
        """Writes one record, replacing the one of that location."""
        sent_at, started = time.time(), time.perf_counter()
        with acknowledged(f"Writing {record.location!r} to table {names.TABLE}"):
            answer = self._aws.patient.dynamodb.put_item(
                TableName=names.TABLE,
                Item=record.item(),
                ReturnValues="ALL_OLD",
                ReturnConsumedCapacity="TOTAL",
            )
        elapsed_ms = (time.perf_counter() - started) * 1000
        old = answer.get("Attributes")
        kind = "INSERT" if not old else ("" if old == record.item() else "MODIFY")
        return Write(record.location, kind, record, sent_at, elapsed_ms, _capacity(answer))

    def delete(self, location: str) -> Write:
        """Deletes the record of a location; `kind` is "" when there was none."""
        sent_at, started = time.time(), time.perf_counter()
        with acknowledged(f"Deleting {location!r} from table {names.TABLE}"):
            answer = self._aws.patient.dynamodb.delete_item(
                TableName=names.TABLE,
                Key={"Location": {"S": location}},
                ReturnValues="ALL_OLD",
                ReturnConsumedCapacity="TOTAL",
            )
        elapsed_ms = (time.perf_counter() - started) * 1000
        kind = "REMOVE" if answer.get("Attributes") else ""
        return Write(location, kind, None, sent_at, elapsed_ms, _capacity(answer))

    def get(self, location: str) -> TableRead:
        """Reads one record, strongly consistent, so that it can be held against the cache."""
        started = time.perf_counter()
        with translated(f"Reading {location!r} from table {names.TABLE}"):
            answer = self._aws.dynamodb.get_item(
                TableName=names.TABLE,
                Key={"Location": {"S": location}},
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
        elapsed_ms = (time.perf_counter() - started) * 1000
        raw = answer.get("Item")
        return TableRead(None if raw is None else plain(raw), elapsed_ms, _capacity(answer), raw)

    def get_many(self, locations: Sequence[str]) -> dict[str, TableRead]:
        """Reads up to AT_ONCE records by location in one call, strongly consistent; capacity is not told apart."""
        started = time.perf_counter()
        found = RecordPages(self._aws).of(locations)
        elapsed_ms = (time.perf_counter() - started) * 1000
        return {
            location: TableRead(None if raw is None else plain(raw), elapsed_ms, 0.0, raw)
            for location, raw in ((each, found.get(each)) for each in locations)
        }

    def page(self, limit: int = 100) -> TablePage:
        """The first `limit` records, in the table's own order."""
        with translated(f"Reading table {names.TABLE}"):
            answer = self._aws.dynamodb.scan(TableName=names.TABLE, Limit=limit)
        return TablePage(tuple(plain(item) for item in answer["Items"]), "LastEvaluatedKey" in answer)


@dataclass(frozen=True)
class TableRead:
    """What a read of the table found: attribute name -> text, or None. Latency in ms, capacity in read units.

    `raw` is the same item with DynamoDB's types.
    """

    item: dict[str, str] | None
    latency_ms: float
    capacity_units: float
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class TablePage:
    """Some records of the table, and whether there are more."""

    items: tuple[dict[str, str], ...]
    more: bool


def plain(item: Mapping[str, Any]) -> dict[str, str]:
    """Attribute name -> text of its value, whatever its type; people may have put other attributes there."""
    return {name: _plain_value(value) for name, value in item.items()}


def _plain_value(value: Mapping[str, Any]) -> str:
    (kind, content), *_ = value.items()
    return content if kind in ("S", "N") else str(content)


def _capacity(answer: Mapping[str, Any]) -> float:
    return float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
