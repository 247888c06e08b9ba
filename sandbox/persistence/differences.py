"""What is different between the sandbox now and what was saved last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.persistence.snapshot_file import Change, ListChange, text_of


@dataclass(frozen=True)
class _SavedList:
    length: int
    first: Any
    last: Any


class Differences:
    """Remembers what was saved. At first that is nothing, and the first change replaces the whole file."""

    def __init__(self) -> None:
        self._parts: dict[str, str] = {}
        self._lists: dict[str, _SavedList] = {}
        self._whole = True

    def take(self, parts: Mapping[str, Any], lists: Mapping[str, list[Any]]) -> Change:
        """What changed since the last call. Lists grow at their end; one that changed otherwise is written anew."""
        texts = {name: text_of(value) for name, value in parts.items()}
        change = Change(
            parts={name: text for name, text in texts.items() if self._parts.get(name) != text},
            lists=[found for name, elements in lists.items() if (found := self._list_change(name, elements))],
            gone_lists=[name for name in self._lists if name not in lists],
            whole=self._whole,
        )
        self._parts = texts
        self._lists = {
            name: _SavedList(len(elements), elements[0], elements[-1]) for name, elements in lists.items() if elements
        }
        self._whole = False
        return change

    def forget(self) -> None:
        """The last change could not be written: the next one is to hold everything."""
        self._parts, self._lists, self._whole = {}, {}, True

    def _list_change(self, name: str, elements: list[Any]) -> ListChange | None:
        saved = self._lists.get(name)
        kept = saved.length if saved is not None and _starts_with(elements, saved) else 0
        if kept == len(elements) and saved is not None:
            return None
        return ListChange(name, kept, elements[kept:])


def _starts_with(elements: list[Any], saved: _SavedList) -> bool:
    # The emulator never changes an element in place, and puts a late one between others but takes none out from there:
    # with the same first and the same last element at the old places, all between them is the same, too.
    return len(elements) >= saved.length and elements[0] is saved.first and elements[saved.length - 1] is saved.last
