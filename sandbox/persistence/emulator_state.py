"""What the embedded emulator holds, taken out of its modules and put back.

Its own persistence writes at a clean end only, and leaves the records of the streams out. So this reads its stores
themselves; that is safe between two turns of the event loop, on which all its calls run. The layout belongs to the
pinned version of the emulator, which a snapshot names.
"""

from __future__ import annotations

import importlib
import json
from collections import defaultdict
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
_TABLES, _RECORDS = "dynamodb._tables", "dynamodb._stream_records"
_QUEUES, _QUEUE_URLS = "sqs._queues", "sqs._queue_name_to_url"
_LOG_GROUPS = "cloudwatch_logs._log_groups"
#: The counter inside of sequence numbers: it must go on rising.
_SEQUENCE = "dynamodb._stream_seq_counter"
#: What the emulator works out again when it is needed.
_INDEX_MEMBERS = "_index_members"


def emulator_version() -> str:
    """The version of the installed emulator."""
    return version("ministack")


def take() -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Parts and growing lists by name. They share the emulator's own objects: encode them before the next turn."""
    parts: dict[str, Any] = {_SEQUENCE: _module("dynamodb")._stream_seq_counter}
    lists: dict[str, list[Any]] = {}
    for name, store in _stores().items():
        entries = list(store._data.items())
        if name == _RECORDS:
            lists |= {_list_name(name, *key): records for key, records in entries if records}
            continue
        if name == _LOG_GROUPS:
            for key, group in entries:
                streams = group["streams"].items()
                lists |= {_list_name(name, *key, each): s["events"] for each, s in streams if s["events"]}
        parts[name] = [[key, _kept(name, value)] for key, value in entries]
    return parts, lists


def put_back(parts: dict[str, Any], lists: dict[str, list[Any]], old_endpoint: str, endpoint: str) -> None:
    """Fill the empty emulator with what `take` gave, with queue URLs moved to the new endpoint.

    Raises KeyError, TypeError or ValueError when it does not fit together.
    """
    stores = _stores()
    data = {name: _entries(parts[name]) for name in stores if name != _RECORDS}
    data[_RECORDS] = {}
    for table in data[_TABLES].values():
        table["items"] = defaultdict(dict, table["items"])
    for list_name, elements in lists.items():
        _put_list_back(data, json.loads(list_name), elements)
    _move_queues(data, old_endpoint, endpoint)
    for name, store in stores.items():
        store._data.clear()
        store._data.update(data[name])
    _module("dynamodb")._stream_seq_counter = int(parts[_SEQUENCE])


def _module(service: str) -> Any:
    return importlib.import_module(f"ministack.services.{service}")


def _stores() -> dict[str, Any]:
    """The emulator's stores by name: all dicts by account (and region) that the modules of the services hold."""
    responses: Any = importlib.import_module("ministack.core.responses")
    scoped = (responses.AccountRegionScopedDict, responses.AccountScopedDict)
    found = {
        f"{service}.{name}": value
        for service in _SERVICES
        for name, value in vars(_module(service)).items()
        if isinstance(value, scoped)
    }
    return {name: store for name, store in found.items() if name not in _NOT_KEPT}


def _kept(store: str, value: Any) -> Any:
    """A value of a store without what is kept as a list, or not at all."""
    if store == _TABLES:
        return {name: inner for name, inner in value.items() if name != _INDEX_MEMBERS}
    if store == _LOG_GROUPS:
        streams = {name: {**stream, "events": []} for name, stream in value["streams"].items()}
        return {**value, "streams": streams}
    return value


def _entries(part: list[list[Any]]) -> dict[tuple[Any, ...], Any]:
    return {tuple(tuple(each) if isinstance(each, list) else each for each in key): value for key, value in part}


def _list_name(store: str, *path: str) -> str:
    return json.dumps([store, *path])


def _put_list_back(data: dict[str, dict[tuple[Any, ...], Any]], path: list[str], elements: list[Any]) -> None:
    store, account, region, name, *stream = path
    if store == _RECORDS:
        data[_RECORDS][account, region, name] = elements
    elif store == _LOG_GROUPS:
        data[_LOG_GROUPS][account, region, name]["streams"][stream[0]]["events"] = elements
    else:
        raise ValueError(f"a list of {store} is not known")


def _move_queues(data: dict[str, dict[tuple[Any, ...], Any]], old_endpoint: str, endpoint: str) -> None:
    """Queues are kept by their URLs, which begin with the endpoint."""

    def moved(url: str) -> str:
        return endpoint + url.removeprefix(old_endpoint) if url.startswith(f"{old_endpoint}/") else url

    data[_QUEUES] = {
        (account, region, moved(url)): {**queue, "url": moved(queue["url"])}
        for (account, region, url), queue in data[_QUEUES].items()
    }
    data[_QUEUE_URLS] = {key: moved(url) for key, url in data[_QUEUE_URLS].items()}
