"""Fills the embedded emulator with what was kept of another one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sandbox.persistence import emulator_stores as emulator
from sandbox.persistence.change import KeptList, Key, Snapshot
from sandbox.persistence.emulator_stores import module, queue_label

_Store = dict[tuple[Any, ...], Any]


def put_back(snapshot: Snapshot, old_endpoint: str, endpoint: str) -> None:
    """Fill the empty emulator, with queue URLs moved to the new endpoint.

    Raises KeyError, TypeError, IndexError or ValueError when it does not fit together.
    """
    stores = emulator.stores()
    data = {name: _entries(snapshot.parts[name]) for name in stores if name != emulator.RECORDS}
    for table in data[emulator.TABLES].values():
        table["items"] = defaultdict(dict)
    for name, entries in snapshot.maps.items():
        _put_map_back(data, json.loads(name), entries)
    data[emulator.RECORDS] = dict(_records(data, snapshot.lists))
    for name, kept in snapshot.lists.items():
        _put_events_back(data, json.loads(name), kept.elements)
    _move_queues(data, old_endpoint, endpoint)
    for name, store in stores.items():
        store._data.clear()
        store._data.update(data[name])
    dynamodb = module("dynamodb")
    for table in data[emulator.TABLES].values():
        dynamodb._update_counts(table)
    dynamodb._stream_seq_counter = int(snapshot.parts[emulator.SEQUENCE])


def _entries(part: list[list[Any]]) -> _Store:
    return {tuple(tuple(each) if isinstance(each, list) else each for each in key): value for key, value in part}


def _put_map_back(data: dict[str, _Store], path: list[str], entries: dict[Key, Any]) -> None:
    store, *place = path
    if store == emulator.TABLES:
        items = data[emulator.TABLES][tuple(place)]["items"]
        for (hash_key, range_key), item in entries.items():
            items[hash_key][range_key] = item
    elif store == emulator.QUEUES:
        (queue,) = (each for each in data[emulator.QUEUES].values() if queue_label(each) == json.dumps(path))
        queue["messages"] = list(entries.values())
    else:
        raise ValueError(f"a map of {store} is not known")


def _records(data: dict[str, _Store], lists: dict[str, KeptList]) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """The records of the streams that are open; those of closed ones are put where they belong."""
    by_arn = {name: kept.elements for name, kept in lists.items() if json.loads(name)[0] == emulator.RECORDS}
    for key, closed in data[emulator.CLOSED_STREAMS].items():
        closed["records"] = by_arn.pop(emulator.label(emulator.RECORDS, key[-1]))
    for key, table in data[emulator.TABLES].items():
        found = by_arn.pop(emulator.label(emulator.RECORDS, table.get("LatestStreamArn") or ""), None)
        if found is not None:
            yield key, found
    if by_arn:
        raise ValueError(f"a stream has no table: {next(iter(by_arn))}")


def _put_events_back(data: dict[str, _Store], path: list[str], events: list[Any]) -> None:
    if path[0] == emulator.LOG_GROUPS:
        _, account, region, group, stream = path
        kept = data[emulator.LOG_GROUPS][account, region, group]["streams"][stream]
        kept["events"] = sorted(events, key=lambda event: event["timestamp"])
    elif path[0] != emulator.RECORDS:
        raise ValueError(f"a list of {path[0]} is not known")


def _move_queues(data: dict[str, _Store], old_endpoint: str, endpoint: str) -> None:
    """Queues are kept by their URLs, which begin with the endpoint."""

    def moved(url: str) -> str:
        return endpoint + url.removeprefix(old_endpoint) if url.startswith(f"{old_endpoint}/") else url

    data[emulator.QUEUES] = {
        (account, region, moved(url)): {**queue, "url": moved(queue["url"])}
        for (account, region, url), queue in data[emulator.QUEUES].items()
    }
    data[emulator.QUEUE_URLS] = {key: moved(url) for key, url in data[emulator.QUEUE_URLS].items()}
