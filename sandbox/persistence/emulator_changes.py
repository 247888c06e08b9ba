"""What is different between the emulator now and what was saved last: work for what changed, whatever is there.

`take` runs in one turn of the event loop, on which all of the emulator's calls run, so all that it gives is of one
moment. It collects references; whoever writes encodes them. Only what may change in its place is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.persistence import emulator_stores as emulator
from sandbox.persistence.change import Change, Key, ListChange, MapChange
from sandbox.persistence.emulator_stores import entries, label, module
from sandbox.persistence.snapshot_file import text_of
from sandbox.persistence.watched import Watched, watched


@dataclass
class Saved:
    """What the file holds: parts as JSON, and for each list and map the emulator's object that it was taken of."""

    parts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    records: dict[str, tuple[list[Any], int, int]] = field(default_factory=dict)
    streams: dict[str, tuple[Any, int]] = field(default_factory=dict)
    queues: dict[str, tuple[list[Any], dict[str, float]]] = field(default_factory=dict)

    def names(self) -> set[str]:
        """All lists and maps."""
        return {*self.tables, *self.records, *self.streams, *self.queues}


@dataclass(frozen=True)
class Taken:
    """A change, and what to call when it was saved, or could not be."""

    change: Change
    saved: Callable[[], None]
    failed: Callable[[], None]


class EmulatorChanges:
    """Remembers what was saved: at first nothing, or what `adopt` says."""

    def __init__(self) -> None:
        self._saved = Saved()

    def adopt(self, parts: dict[str, Any]) -> None:
        """What the emulator holds now, and these parts, is what the file holds."""
        watched.take()
        self._saved = _look(self._saved, Watched(), {})[1]
        self._saved.parts = {name: text_of(value) for name, value in parts.items()}

    def take(self, more: dict[str, Any]) -> Taken:
        """What changed since the last save that worked, with `more` parts. Raises TypeError for what is no JSON."""
        parts = {name: text_of(value) for name, value in {**emulator.parts(), **more}.items()}
        # The emulator takes out expired items on a thread of its own, under this lock.
        with module("dynamodb")._lock:
            known = watched.take()
            try:
                change, after = _look(self._saved, known, parts)
            except BaseException:
                watched.give_back(known)
                raise

        def saved() -> None:
            self._saved = after

        return Taken(change, saved, lambda: watched.give_back(known))


def _look(before: Saved, known: Watched, parts: dict[str, str]) -> tuple[Change, Saved]:
    """What to write, and what is saved once it is written."""
    after = Saved(parts=parts)
    lists = [*_records(before, after), *_events(before, after, known)]
    maps = [*_items(before, after, known), *_messages(before, after, known)]
    changed = {name: text for name, text in parts.items() if before.parts.get(name) != text}
    return Change(changed, lists, maps, sorted(before.names() - after.names())), after


def _items(before: Saved, after: Saved, known: Watched) -> list[MapChange]:
    changes = []
    for key, table in entries(emulator.stores()[emulator.TABLES]):
        name = label(emulator.TABLES, *key)
        after.tables[name] = table
        items = table["items"]
        if before.tables.get(name) is not table or id(table) in known.replaced:
            put: list[tuple[Key, Any]] = [((h, r), item) for h, each in items.items() for r, item in each.items()]
            changes.append(MapChange(name, put, [], anew=True))
        elif keys := known.items.get(id(table)):
            found = [(each, items.get(each[0], {}).get(each[1])) for each in keys]
            there: list[tuple[Key, Any]] = [(each, item) for each, item in found if item is not None]
            changes.append(MapChange(name, there, [each for each, item in found if item is None]))
    return changes


def _records(before: Saved, after: Saved) -> list[ListChange]:
    """Streams by their ARNs: one that was closed keeps its records in another place."""
    found = emulator.stores()
    trimmed = dict(entries(found[emulator.TRIMMED]))
    tables = dict(entries(found[emulator.TABLES]))
    streams = [
        (tables[key]["LatestStreamArn"], records, trimmed.get(key, 0))
        for key, records in entries(found[emulator.RECORDS])
        if key in tables
    ]
    streams += [(key[-1], each["records"], each["trimmed"]) for key, each in entries(found[emulator.CLOSED_STREAMS])]
    changes = []
    for arn, records, first in streams:
        name = label(emulator.RECORDS, arn)
        end = first + len(records)
        after.records[name] = (records, first, end)
        old, old_first, old_end = before.records.get(name, (None, 0, 0))
        anew = old is not records
        start = first if anew else max(first, old_end)
        if anew or start < end or first > old_first:
            changes.append(ListChange(name, start, records[start - first :], first, anew))
    return changes


def _events(before: Saved, after: Saved, known: Watched) -> list[ListChange]:
    """Log events in the order of their arrival. Whoever loads them puts them in the order of time."""
    changes = []
    for key, group in entries(emulator.stores()[emulator.LOG_GROUPS]):
        for stream_name, stream in list(group["streams"].items()):
            name = label(emulator.LOG_GROUPS, *key, stream_name)
            old, end = before.streams.get(name, (None, 0))
            new = known.events.get(id(stream), []) if old is stream else list(stream["events"])
            start = end if old is stream else 0
            after.streams[name] = (stream, start + len(new))
            if new or old is not stream:
                changes.append(ListChange(name, start, new, anew=old is not stream))
    return changes


def _messages(before: Saved, after: Saved, known: Watched) -> list[MapChange]:
    """A queue that only grew is looked at from its old end on, any other one from the beginning."""
    changes = []
    for _, queue in entries(emulator.stores()[emulator.QUEUES]):
        name, messages = emulator.queue_label(queue), queue["messages"]
        found = before.queues.get(name)
        if found is None:
            change, seen = MapChange(name, [_entry(each) for each in messages], [], anew=True), _seen(messages)
        elif id(queue) not in known.queues and _only_grew(messages, *found):
            new = messages[len(found[1]) :]
            change, seen = MapChange(name, [_entry(each) for each in new], []), found[1]
            if new:
                seen = seen | _seen(new)
        else:
            seen = _seen(messages)
            moved = dict(seen.items() - found[1].items())
            put = [_entry(each) for each in messages if each["id"] in moved] if moved else []
            change = MapChange(name, put, [(gone,) for gone in found[1].keys() - seen.keys()])
        after.queues[name] = (messages, seen)
        if change.put or change.gone or change.anew:
            changes.append(change)
    return changes


def _entry(message: dict[str, Any]) -> tuple[Key, Any]:
    # A copy: receiving it again changes it in its place.
    return (message["id"],), dict(message)


def _seen(messages: list[dict[str, Any]]) -> dict[str, float]:
    """When each message is visible: every change of one in its place changes that."""
    return {each["id"]: each.get("visible_at", 0.0) for each in messages}


def _only_grew(messages: list[Any], old: list[Any], seen: dict[str, float]) -> bool:
    """Whether messages were at most appended. Whatever takes one out makes another list, or empties this one."""
    end = len(seen)
    if messages is not old or len(messages) < end:
        return False
    return not end or messages[end - 1]["id"] == next(reversed(seen))
