"""The items of all tables as JSON, where only what is new is encoded: the most of a save by far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.persistence.snapshot_file import text_of

#: Account, region and name of a table.
TableKey = tuple[str, ...]


@dataclass(frozen=True)
class TableItems:
    """Items by partition key and sort key, by table. They share the emulator's own objects."""

    tables: Mapping[TableKey, Mapping[str, Mapping[str, Any]]]


class ItemTexts:
    """Remembers the JSON of items. The emulator never changes one in place: a write puts a new object there."""

    def __init__(self) -> None:
        # By identity; the item is kept with its text so that no other can take its identity.
        self._known: dict[int, tuple[Any, str]] = {}

    def text_of(self, items: TableItems) -> str:
        """For each table its key and its rows: partition key, sort key, item."""
        known, self._known = self._known, {}
        return f"[{','.join(self._table(known, key, table) for key, table in items.tables.items())}]"

    def _table(self, known: dict[int, tuple[Any, str]], key: TableKey, table: Mapping[str, Mapping[str, Any]]) -> str:
        rows = []
        for partition, by_sort_key in table.items():
            for sort, item in by_sort_key.items():
                kept = known.get(id(item)) or (item, text_of([partition, sort, item]))
                self._known[id(item)] = kept
                rows.append(kept[1])
        return f"[{text_of(key)},[{','.join(rows)}]]"
