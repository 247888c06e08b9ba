"""What one save writes, and what a load gives back: plain data between the emulator's state and the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: An entry's key inside of its map: the two halves of a table's key, or the id of a message.
Key = tuple[str, ...]


@dataclass(frozen=True)
class ListChange:
    """New `elements` of a list that only grows, the first at `position`. Elements before `first` are taken out.

    With `anew` nothing of what was saved under this name stays. Elements are encoded later, so nobody may change
    them in place.
    """

    name: str
    position: int
    elements: list[Any]
    first: int = 0
    anew: bool = False


@dataclass(frozen=True)
class MapChange:
    """Entries to `put` into a map and those that are `gone`. Entries keep the place of their first put.

    With `anew` nothing of what was saved under this name stays. Values are encoded later, too.
    """

    name: str
    put: list[tuple[Key, Any]]
    gone: list[Key]
    anew: bool = False


@dataclass(frozen=True)
class Change:
    """What is different since the last save: parts as JSON, lists, maps, and the names of those that are no more."""

    parts: dict[str, str] = field(default_factory=dict)
    lists: list[ListChange] = field(default_factory=list)
    maps: list[MapChange] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class KeptList:
    """A list as it was kept: its elements, and the position of the first of them."""

    first: int
    elements: list[Any]


@dataclass(frozen=True)
class Snapshot:
    """What was kept: parts, lists and maps by name. A map's entries are in the order of their first put."""

    parts: dict[str, Any]
    lists: dict[str, KeptList] = field(default_factory=dict)
    maps: dict[str, dict[Key, Any]] = field(default_factory=dict)
