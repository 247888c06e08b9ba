"""SizeBytes of stream records, which the emulator leaves at 0 though it knows the size of an item.

A change counts its keys and images. Its members are put in the order of AWS, which is that of their names. The
emulator makes all records in one function, which is wrapped.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def count_sizes() -> None:
    """Have the emulator state the bytes of every change from now on."""
    # Imported late: the emulator reads its settings while it is imported.
    from ministack.services import dynamodb

    build = dynamodb._build_change_record
    if hasattr(build, "__wrapped__"):
        return

    @wraps(build)
    def build_with_size(*arguments: Any) -> dict[str, Any]:
        record: dict[str, Any] = build(*arguments)
        change = record["dynamodb"]
        size = sum(dynamodb._item_size_bytes(change.get(part)) for part in ("Keys", "NewImage", "OldImage"))
        record["dynamodb"] = dict(sorted({**change, "SizeBytes": size}.items()))
        return record

    dynamodb._build_change_record = build_with_size
