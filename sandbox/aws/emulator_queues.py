"""Queues where the emulator keeps them: how old the oldest message is, which no call of SQS tells, and faster calls.

The emulator goes through the whole queue for each message that it receives, deletes or hides: a queue of 20,000 takes
0.1 s for ten of them. What is put in its place here answers the same and goes through the queue once.
`tests/sandbox/aws/test_gateway_contract.py` holds what is relied on here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

#: A message that was received so often is left out of ApproximateAgeOfOldestMessage (facts/aws-pipes.md, section 6).
_RECEIVED_TOO_OFTEN = 3


def oldest_sent_at(account_id: str, region: str, queue_url: str) -> float | None:
    """When the oldest message was sent, in epoch seconds; None when no message counts."""
    from ministack.services import sqs

    queue: dict[str, Any] = sqs._queues.get_scoped(account_id, region, queue_url)
    sent = [each["sent_at"] for each in queue["messages"] if each["receive_count"] < _RECEIVED_TOO_OFTEN]
    return min(sent, default=None)


def hasten() -> None:
    """Puts the faster calls in place of the emulator's own."""
    from ministack.services import sqs

    slow_collect = sqs._collect_msgs
    if slow_collect.__module__ == __name__:
        return

    def collect(queue: dict[str, Any], most: int, hidden_s: int) -> list[dict[str, Any]]:
        return slow_collect(queue, most, hidden_s) if queue["is_fifo"] else _collected(sqs, queue, most, hidden_s)

    collect.__module__ = __name__
    sqs._collect_msgs = collect
    sqs._HANDLERS["DeleteMessageBatch"] = lambda data, url: _delete_batch(sqs, data, url)
    sqs._HANDLERS["ChangeMessageVisibilityBatch"] = lambda data, url: _hide_batch(sqs, data, url)


def _collected(sqs: Any, queue: Mapping[str, Any], most: int, hidden_s: int) -> list[dict[str, Any]]:
    now = time.time()
    # What SNS sends has no `visible_at` yet: it can be seen at once.
    visible = (message for message in queue["messages"] if message.get("visible_at", 0) <= now)
    found = list(islice(visible, most))
    for message in found:
        sqs._ensure_msg_fields(message)
        message["receipt_handle"] = sqs.new_uuid()
        message["visible_at"] = now + hidden_s
        message["receive_count"] += 1
        message["first_receive_at"] = message["first_receive_at"] or now
    return found


def _delete_batch(sqs: Any, data: Mapping[str, Any], url: str) -> dict[str, Any]:
    queue = sqs._get_q(data.get("QueueUrl", url), "sqs:DeleteMessage")
    entries = list(data.get("Entries", []))
    sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")
    found = dict(_held(queue, entries))
    gone = {id(message) for message in found.values()}
    queue["messages"] = [message for message in queue["messages"] if id(message) not in gone]
    return _batch_answer(entries, found)


def _hide_batch(sqs: Any, data: Mapping[str, Any], url: str) -> dict[str, Any]:
    queue = sqs._get_q(data.get("QueueUrl", url), "sqs:ChangeMessageVisibility")
    entries = list(data.get("Entries", []))
    sqs._validate_batch_entries(entries, "ChangeMessageVisibilityBatchRequestEntry")
    found = dict(_held(queue, entries))
    for entry in entries:
        message = found.get(entry.get("ReceiptHandle", ""))
        if message is not None:
            message["visible_at"] = time.time() + int(entry.get("VisibilityTimeout", 30))
    if found:
        sqs.esm_wake.set()
    return _batch_answer(entries, found)


def _held(queue: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The messages that the receipt handles are of, by handle."""
    handles = {str(entry.get("ReceiptHandle", "")) for entry in entries} - {""}
    for message in queue["messages"]:
        if message.get("receipt_handle") in handles:
            yield message["receipt_handle"], message


def _batch_answer(entries: list[Mapping[str, Any]], found: Mapping[str, Any]) -> dict[str, Any]:
    refusal = {
        "Code": "ReceiptHandleIsInvalid",
        "Message": "The input receipt handle is invalid.",
        "SenderFault": True,
    }
    return {
        "Successful": [{"Id": each["Id"]} for each in entries if each.get("ReceiptHandle") in found],
        "Failed": [{"Id": each["Id"], **refusal} for each in entries if each.get("ReceiptHandle") not in found],
    }
