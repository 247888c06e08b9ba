"""What SQS measures of a call: namespace AWS/SQS, only dimension QueueName (facts/aws-pipes.md, section 6).

Seen are calls in JSON, which is what today's SDKs and the pipes send. Messages that a topic or a redrive policy puts
into a queue are not seen; AWS does not count the latter as sent either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sandbox.aws.usage.dynamodb import Call
from sandbox.aws.usage.usage import Series, Value

NAMESPACE = "AWS/SQS"
_MEASURED = frozenset({"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"})


def queue_series(region: str, queue_url: str, name: str, unit: str = "Count") -> Series:
    """A series of the queue with this URL."""
    return Series(region, NAMESPACE, name, unit, (("QueueName", queue_url.rpartition("/")[2]),))


def queue_values(call: Call) -> Iterator[Value]:
    """The values of a call of SQS."""
    if call.operation not in _MEASURED or call.status >= 400:
        return
    request, answer = json.loads(call.request), json.loads(call.answer or b"{}")
    if "QueueUrl" not in request:
        # The emulator takes the URL from the path, too; no SDK asks so.
        return

    def series(name: str, unit: str = "Count") -> Series:
        return queue_series(call.region, request["QueueUrl"], name, unit)

    if call.operation.startswith("Send"):
        for body in _sent(request, answer):
            yield series("NumberOfMessagesSent"), 1
            yield series("SentMessageSize", "Bytes"), len(body.encode())
    elif call.operation == "ReceiveMessage":
        received = len(answer.get("Messages") or [])
        yield series("NumberOfMessagesReceived" if received else "NumberOfEmptyReceives"), received or 1
    else:
        yield series("NumberOfMessagesDeleted"), len(answer["Successful"]) if "Successful" in answer else 1


def _sent(request: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """The bodies of the messages that were accepted."""
    if "MessageBody" in request:
        return [request["MessageBody"]]
    accepted = {each["Id"] for each in answer.get("Successful", [])}
    return [each["MessageBody"] for each in request["Entries"] if each["Id"] in accepted]
