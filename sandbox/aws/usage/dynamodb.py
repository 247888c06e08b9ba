"""What DynamoDB and its streams measure of a call: namespace AWS/DynamoDB (facts/aws-pipes.md, section 6).

Capacity is what the answer says when the caller asked for it; otherwise it is worked out from the size of the JSON:
a unit for each 1 KB written or 4 KB read, half of that for an eventually consistent read. Updates and deletes count
one unit, because the size of the stored item is not seen. PartiQL is not measured.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from sandbox.aws.usage.usage import Dimensions, Series, Value

_NAMESPACE = "AWS/DynamoDB"
_THROTTLES = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
_ERROR_CODE = re.compile(rb'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"')
_NEXT_ITERATOR = re.compile(rb'"(?:NextShardIterator|ShardIterator)"\s*:\s*"([^"]+)"')
_RECORD = re.compile(rb'"eventID"\s*:')
_READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
#: Iterators remembered; a reader holds one and each lives 15 minutes.
_MOST_ITERATORS = 1000


@dataclass(frozen=True)
class Call:
    """One call and its answer, as they were on the wire."""

    operation: str
    region: str
    request: bytes
    status: int
    answer: bytes
    latency_ms: float


def table_values(call: Call) -> Iterator[Value]:
    """The values of a call of DynamoDB, for each table that it names."""
    if call.operation not in _READS and call.operation not in _WRITES:
        return
    if call.status < 400:
        request = json.loads(call.request)
        for table in _tables(request):
            dimensions = (("TableName", table), ("Operation", call.operation))
            yield _series(call, "SuccessfulRequestLatency", "Milliseconds", dimensions), call.latency_ms
        yield from _capacity(call, request)
    else:
        yield from _refusal(call)


def _refusal(call: Call) -> Iterator[Value]:
    """Only what is known to be a well-formed request is read: it was throttled, or its condition was not met."""
    found = _ERROR_CODE.search(call.answer)
    code = found[1].decode() if found else ""
    if code in _THROTTLES:
        kind = "Read" if call.operation in _READS else "Write"
        for table in _tables(json.loads(call.request)):
            dimensions = (("TableName", table), ("Operation", call.operation))
            yield _series(call, "ThrottledRequests", "Count", dimensions), 1
            yield _series(call, f"{kind}ThrottleEvents", "Count", dimensions[:1]), 1
    elif code == "ConditionalCheckFailedException":
        for table in _tables(json.loads(call.request)):
            yield _series(call, "ConditionalCheckFailedRequests", "Count", (("TableName", table),)), 1


def _capacity(call: Call, request: dict[str, Any]) -> Iterator[Value]:
    name = "ConsumedReadCapacityUnits" if call.operation in _READS else "ConsumedWriteCapacityUnits"
    consumed = _stated(call.answer) or _estimated(call, request)
    for table, units in consumed.items():
        yield _series(call, name, "Count", (("TableName", table),)), units


def _stated(answer: bytes) -> dict[str, float]:
    """What the answer itself says, by table."""
    if b'"ConsumedCapacity"' not in answer:
        return {}
    stated = json.loads(answer).get("ConsumedCapacity", [])
    return {
        _name(each["TableName"]): each["CapacityUnits"] for each in (stated if isinstance(stated, list) else [stated])
    }


def _estimated(call: Call, request: dict[str, Any]) -> dict[str, float]:
    units: dict[str, float] = {}
    if call.operation in ("BatchWriteItem", "BatchGetItem"):
        for table, wanted in request["RequestItems"].items():
            units[_name(table)] = _read_in_batch(wanted) if isinstance(wanted, dict) else _written_in_batch(wanted)
    elif "TransactItems" in request:
        for action in _actions(request):
            # A transaction reads and writes everything twice.
            table = _name(action["TableName"])
            units[table] = units.get(table, 0) + 2 * _written(action.get("Item"))
    elif call.operation in _READS:
        units[_name(request["TableName"])] = _read(request) * _units(len(call.answer), 4096)
    else:
        units[_name(request["TableName"])] = _written(request.get("Item"))
    return units


def _tables(request: dict[str, Any]) -> list[str]:
    """The tables that a request names."""
    if "TableName" in request:
        return [_name(request["TableName"])]
    named = [*request.get("RequestItems", {}), *(action["TableName"] for action in _actions(request))]
    return list(dict.fromkeys(_name(table) for table in named))


def _actions(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for each in request.get("TransactItems", []) for action in each.values()]


def _name(table: str) -> str:
    """A table's name; callers may give its ARN instead."""
    return table.rpartition("/")[2]


def _read(wanted: dict[str, Any]) -> float:
    return 1.0 if wanted.get("ConsistentRead") else 0.5


def _read_in_batch(wanted: dict[str, Any]) -> float:
    return _read(wanted) * len(wanted["Keys"])


def _written_in_batch(requests: list[dict[str, Any]]) -> float:
    return sum(_written(each.get("PutRequest", {}).get("Item")) for each in requests)


def _written(item: dict[str, Any] | None) -> int:
    return 1 if item is None else _units(len(json.dumps(item)), 1024)


def _units(size: int, per_unit: int) -> int:
    return max(1, ceil(size / per_unit))


class StreamReads:
    """Knows which table an iterator reads, by following iterators from where they were asked for."""

    def __init__(self) -> None:
        self._streams: OrderedDict[bytes, Dimensions] = OrderedDict()

    def values(self, call: Call) -> Iterator[Value]:
        """The values of a call of DynamoDB Streams."""
        if call.status >= 400:
            return
        if call.operation == "GetShardIterator":
            table, _, label = json.loads(call.request)["StreamArn"].partition("table/")[2].partition("/stream/")
            self._remember(call, (("TableName", table), ("Operation", "GetRecords"), ("StreamLabel", label)))
        elif call.operation == "GetRecords":
            iterator = json.loads(call.request)["ShardIterator"].encode()
            dimensions = self._streams.get(iterator)
            if dimensions is None:
                return
            self._remember(call, dimensions)
            # Counted in the text: to parse a thousand records would cost more than the read did.
            yield _series(call, "ReturnedRecordsCount", "Count", dimensions), len(_RECORD.findall(call.answer))
            yield _series(call, "ReturnedBytes", "Bytes", dimensions), len(call.answer)
            yield _series(call, "SuccessfulRequestLatency", "Milliseconds", dimensions), call.latency_ms

    def _remember(self, call: Call, dimensions: Dimensions) -> None:
        # The last one in the text: records stand before it, and could hold the same words.
        found = _NEXT_ITERATOR.findall(call.answer)
        if found:
            self._streams[found[-1]] = dimensions
            if len(self._streams) > _MOST_ITERATORS:
                self._streams.popitem(last=False)


def _series(call: Call, name: str, unit: str, dimensions: Dimensions) -> Series:
    return Series(call.region, _NAMESPACE, name, unit, dimensions)
