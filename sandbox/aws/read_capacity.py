"""The capacity of a read, where the emulator states it wrongly: it counts one block of 4 KB whatever the size."""

from __future__ import annotations

from typing import Any

#: DynamoDB charges reads by blocks of this many bytes.
READ_BLOCK_BYTES = 4096


def with_true_capacity(answer: Any) -> Any:
    """The answer of GetItem with the units that AWS would state: those of one block, for each block of the item."""
    if "ConsumedCapacity" in answer and "Item" in answer:
        # Imported late: the emulator reads its settings while it is imported.
        from ministack.services.dynamodb import _item_size_bytes

        blocks = -(-_item_size_bytes(answer["Item"]) // READ_BLOCK_BYTES)
        answer["ConsumedCapacity"]["CapacityUnits"] *= max(1, blocks)
    return answer
