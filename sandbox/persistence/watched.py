"""Learns from the emulator itself which items, log events and messages change, so that a save looks at nothing else.

The emulator writes every item through two functions, appends log events in one, and hides or shows messages in two.
They are wrapped, once per process. Writes that it makes on its own, such as those of global tables, go through them,
too.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any

from sandbox.persistence.emulator_stores import module

#: The permission that a call asks for which changes a message in its place.
_IN_PLACE = "sqs:ChangeMessageVisibility"


class Watched:
    """What changed since it was last taken. Objects are known by their identity, and held until they are taken."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        #: Tables, log streams and queues by their ids, which stay theirs as long as they are held here.
        self._held: dict[int, Any] = {}
        self.items: dict[int, set[tuple[str, str]]] = {}
        self.replaced: set[int] = set()
        self.events: dict[int, list[Any]] = {}
        self.queues: set[int] = set()

    def item(self, table: Any, hash_key: str, range_key: str) -> None:
        """An item was put or taken out."""
        self._held[id(table)] = table
        self.items.setdefault(id(table), set()).add((hash_key, range_key))

    def table(self, table: Any) -> None:
        """All items of a table were replaced."""
        self._held[id(table)] = table
        self.replaced.add(id(table))

    def logged(self, stream: Any, events: list[Any]) -> None:
        """Events came to a log stream."""
        self._held[id(stream)] = stream
        self.events.setdefault(id(stream), []).extend(events)

    def messages(self, queue: Any) -> None:
        """Messages of a queue may have changed in their places."""
        self._held[id(queue)] = queue
        self.queues.add(id(queue))

    def take(self) -> Watched:
        """All that is known so far; from here on it begins anew."""
        taken = copy(self)
        self._clear()
        return taken

    def give_back(self, taken: Watched) -> None:
        """What was taken could not be saved: it counts as changed still, and as earlier than what came since."""
        self._held |= taken._held
        self.replaced |= taken.replaced
        self.queues |= taken.queues
        for table, keys in taken.items.items():
            self.items.setdefault(table, set()).update(keys)
        for stream, events in taken.events.items():
            self.events[stream] = [*events, *self.events.get(stream, [])]


#: The one of this process, as the emulator's modules are.
watched = Watched()


def watch() -> None:
    """Have the emulator say what it changes from now on."""
    dynamodb, logs, sqs = module("dynamodb"), module("cloudwatch_logs"), module("sqs")
    _after(dynamodb, "_set_item", lambda table, hash_key, range_key, _: watched.item(table, hash_key, range_key))
    _after(dynamodb, "_remove_item", watched.item)
    _after(dynamodb, "_items_replaced", watched.table)
    _after(logs, "_append_log_events", watched.logged)
    _after(sqs, "_collect_msgs", lambda queue, *_: watched.messages(queue))
    _note_hidden_messages(sqs)


def _after(owner: Any, name: str, note: Callable[..., None]) -> None:
    call = getattr(owner, name)
    if hasattr(call, "__wrapped__"):
        return

    @wraps(call)
    def noted(*arguments: Any) -> Any:
        answer = call(*arguments)
        note(*arguments)
        return answer

    setattr(owner, name, noted)


def _note_hidden_messages(sqs: Any) -> None:
    find = sqs._get_q
    if hasattr(find, "__wrapped__"):
        return

    @wraps(find)
    def noted(url: str, action: str | None = None) -> Any:
        queue = find(url, action)
        if action == _IN_PLACE:
            watched.messages(queue)
        return queue

    sqs._get_q = noted
