"""How old the oldest message of a queue is, from where the emulator keeps messages: no call of SQS tells.

`tests/sandbox/test_gateway_contract.py` holds what is relied on here.
"""

from __future__ import annotations

from typing import Any

#: A message that was received so often is left out of ApproximateAgeOfOldestMessage (facts/aws-pipes.md, section 6).
_RECEIVED_TOO_OFTEN = 3


def oldest_sent_at(account_id: str, region: str, queue_url: str) -> float | None:
    """When the oldest message was sent, in epoch seconds; None when no message counts."""
    from ministack.services import sqs

    queue: dict[str, Any] = sqs._queues.get_scoped(account_id, region, queue_url)
    sent = [each["sent_at"] for each in queue["messages"] if each["receive_count"] < _RECEIVED_TOO_OFTEN]
    return min(sent, default=None)
