"""A whole life of a stack, with what was seen of it: made, driven from end to end, and taken away again.

The same code runs against AWS (`make verify-aws`) and, in the tests, against the sandbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from core.names import StackNames
from provision.clients import Clients
from provision.errors import ProvisionFailed

#: Seconds within which a change has to be in the cache. New pipes may take a while until they deliver.
WITHIN_S = 180.0

LOCATION = "Verification"

#: Whether the cache has an item for this key.
InCache: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True)
class Seen:
    """One thing that was seen: what, and after how many seconds."""

    what: str
    after_s: float


def drive(aws: Clients, names: StackNames, in_cache: InCache, within_s: float = WITHIN_S) -> Iterator[Seen]:
    """Writes a record and deletes it, and follows both into the cache. Raises ProvisionFailed."""
    item = {
        "Location": {"S": LOCATION},
        "MaxTemp": {"N": "71"},
        "MinTemp": {"N": "54"},
        "ChancesOfPrecipitation": {"N": "20"},
        "TTL": {"N": "3600"},
    }
    began = time.monotonic()
    aws.dynamodb.put_item(TableName=names.table, Item=item)
    yield _once(lambda: in_cache(LOCATION), "the record that was written is in the cache", began, within_s)
    began = time.monotonic()
    aws.dynamodb.delete_item(TableName=names.table, Key={"Location": {"S": LOCATION}})
    yield _once(lambda: not in_cache(LOCATION), "the record that was deleted is gone from the cache", began, within_s)
    queue = aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    counts = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    letters = counts["Attributes"]["ApproximateNumberOfMessages"]
    if letters != "0":
        raise ProvisionFailed(f"{letters} dead letters came of it. Read the pipes' log group for the reasons.")
    yield Seen("there is no dead letter", 0.0)


def _once(holds: Callable[[], bool], what: str, began: float, within_s: float) -> Seen:
    pause = 0.1
    while not holds():
        if time.monotonic() - began > within_s:
            raise ProvisionFailed(f"After {within_s:.0f} s it does not hold that {what}. Read the pipes' log group.")
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)
    return Seen(what, time.monotonic() - began)
