"""Reading the weather table piece by piece: a page, a step of a search, the items of some locations.

Nothing here reads the whole table. It has only a hash key, so a search by prefix is a scan that leaves out what does
not fit: each step reads at most SEARCH_STEP items or 1 MB, whichever comes first, and says where the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core import names
from core.aws import Aws, translated
from core.errors import Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef

#: An item with the types that DynamoDB gives: attribute name -> {"N": "70"}.
Item = Mapping[str, Any]

#: Items that one step of a search reads, and locations that can be read at once.
SEARCH_STEP = 1_000
AT_ONCE = 100
#: How often BatchGetItem is asked for what it left out before it counts as throttled.
_ROUNDS = 8


def location_of(item: Item) -> str:
    """The key of an item."""
    return str(item["Location"]["S"])


@dataclass(frozen=True)
class RecordPage:
    """Items in the table's own order. `read` counts all items that were read for them; `next_start` begins the next."""

    items: tuple[Item, ...]
    next_start: str | None
    read: int
    capacity_units: float


class RecordPages:
    """Reads are strongly consistent: who has just written sees it. Every method raises a DashboardError."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def page(self, size: int, start: str | None) -> RecordPage:
        """The `size` items after the location `start`; the first ones for None."""
        return self._scan(_after({"TableName": names.TABLE, "Limit": size}, start))

    def search(self, prefix: str, start: str | None) -> RecordPage:
        """One step of a search for locations that begin with `prefix`, from after `start` on."""
        wanted: ScanInputTypeDef = {
            "TableName": names.TABLE,
            "Limit": SEARCH_STEP,
            "FilterExpression": "begins_with(#location, :prefix)",
            "ExpressionAttributeNames": {"#location": names.TABLE_KEY},
            "ExpressionAttributeValues": {":prefix": {"S": prefix}},
        }
        return self._scan(_after(wanted, start))

    def exact(self, location: str) -> RecordPage:
        """The item of one location, or none."""
        with translated(f"Reading {location!r} from table {names.TABLE}"):
            answer = self._aws.dynamodb.get_item(
                TableName=names.TABLE,
                Key=_key(location),
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
        found = (answer["Item"],) if "Item" in answer else ()
        return RecordPage(found, None, 1, _units(answer))

    def of(self, locations: Iterable[str]) -> dict[str, Item]:
        """Location -> item, for those of at most AT_ONCE locations that the table has."""
        wanted: Any = {names.TABLE: {"Keys": [_key(location) for location in locations], "ConsistentRead": True}}
        found: dict[str, Item] = {}
        for _ in range(_ROUNDS):
            with translated(f"Reading records from table {names.TABLE}"):
                answer = self._aws.dynamodb.batch_get_item(RequestItems=wanted)
            found.update((location_of(item), item) for item in answer["Responses"].get(names.TABLE, []))
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
        raise Throttled(f"Reading records from table {names.TABLE} was cut short again and again.", "Try again later.")

    def count(self) -> int:
        """How many items the table had when AWS last counted: it does so about every six hours."""
        with translated(f"Describing table {names.TABLE}"):
            return int(self._aws.dynamodb.describe_table(TableName=names.TABLE)["Table"].get("ItemCount", 0))

    def _scan(self, wanted: ScanInputTypeDef) -> RecordPage:
        with translated(f"Reading table {names.TABLE}"):
            answer = self._aws.dynamodb.scan(**wanted, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")  # type: ignore[misc]
        last = answer.get("LastEvaluatedKey")
        return RecordPage(
            tuple(answer["Items"]),
            location_of(last) if last else None,
            answer["ScannedCount"],
            _units(answer),
        )


def _after(wanted: ScanInputTypeDef, start: str | None) -> ScanInputTypeDef:
    if start is not None:
        wanted["ExclusiveStartKey"] = _key(start)
    return wanted


def _key(location: str) -> dict[str, Any]:
    return {names.TABLE_KEY: {"S": location}}


def _units(answer: Mapping[str, Any]) -> float:
    return float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
