"""The stores of the embedded emulator: which there are, and what of them is kept in which form.

Its own persistence writes at a clean end only, and leaves the records of the streams out. So this reads its stores
themselves. The layout belongs to the pinned version of the emulator, which a snapshot names.
"""

from __future__ import annotations

import importlib
import json
from functools import cache
from importlib.metadata import version
from typing import Any

_SERVICES = ("dynamodb", "sqs", "cloudwatch_logs", "eventbridge", "iam", "secretsmanager", "sns")

#: Stores that are for minutes only, or that nothing of the dashboard reads: idempotency tokens, running queries,
#: a second copy of each log event for GetLogRecord, the emulator's own list of events, sent text messages.
_NOT_KEPT = frozenset(
    {
        "dynamodb._txn_idempotency",
        "cloudwatch_logs._queries",
        "cloudwatch_logs._log_records",
        "eventbridge._events_log",
        "sns._sms_messages",
    }
)
TABLES, RECORDS, TRIMMED = "dynamodb._tables", "dynamodb._stream_records", "dynamodb._stream_trimmed"
CLOSED_STREAMS = "dynamodb._closed_streams"
QUEUES, QUEUE_URLS = "sqs._queues", "sqs._queue_name_to_url"
LOG_GROUPS = "cloudwatch_logs._log_groups"
#: The counter inside of sequence numbers: it must go on rising.
SEQUENCE = "dynamodb._stream_seq_counter"
#: What of a table the emulator works out again, or what is kept entry by entry.
_NOT_OF_A_TABLE = frozenset({"items", "_index_members", "ItemCount", "TableSizeBytes"})


def emulator_version() -> str:
    """The version of the installed emulator."""
    return version("ministack")


def module(service: str) -> Any:
    """The emulator's module of a service."""
    return importlib.import_module(f"ministack.services.{service}")


@cache
def stores() -> dict[str, Any]:
    """The emulator's stores by name: all dicts by account (and region) that the modules of the services hold."""
    responses: Any = importlib.import_module("ministack.core.responses")
    scoped = (responses.AccountRegionScopedDict, responses.AccountScopedDict)
    found = {
        f"{service}.{name}": value
        for service in _SERVICES
        for name, value in vars(module(service)).items()
        if isinstance(value, scoped)
    }
    return {name: store for name, store in found.items() if name not in _NOT_KEPT}


def entries(store: Any) -> list[tuple[tuple[str, ...], Any]]:
    """All entries of a store, of all accounts and regions, as they are now."""
    return list(store._data.items())


def parts() -> dict[str, Any]:
    """What is small, by name. It shares the emulator's own objects: encode it before the next turn of the loop."""
    found: dict[str, Any] = {SEQUENCE: module("dynamodb")._stream_seq_counter}
    for name, store in stores().items():
        if name != RECORDS:
            found[name] = [[key, _small(name, value)] for key, value in entries(store)]
    return found


def label(kind: str, *path: str) -> str:
    """The name of a list or a map: what it is of, and where that is."""
    return json.dumps([kind, *path])


def queue_label(queue: dict[str, Any]) -> str:
    """The name of a queue's messages: its ARN stays when its URL moves to another port."""
    return label(QUEUES, queue["attributes"]["QueueArn"])


def _small(store: str, value: Any) -> Any:
    """A value of a store without what is kept as a list or a map, or not at all."""
    if store == TABLES:
        return {name: inner for name, inner in value.items() if name not in _NOT_OF_A_TABLE}
    if store == QUEUES:
        return {**value, "messages": []}
    if store == CLOSED_STREAMS:
        return {**value, "records": []}
    if store == LOG_GROUPS:
        return {**value, "streams": {name: {**stream, "events": []} for name, stream in value["streams"].items()}}
    return value
