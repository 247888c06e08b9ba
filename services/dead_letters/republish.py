"""Publishing the event of a dead letter to the topic again: marked as a replay, and only when somebody chooses it.

The message is the one that the topic-publish pipe would have sent, with one more member, `ReplayOf`: the sequence
number of the change. Subscribers that read only the other members take it for the event; those that care can tell.
"""

from __future__ import annotations

import json

from core import names
from core.errors import DashboardError
from core.momento_client import MomentoCache
from services.cache.document import NUMBERS
from services.dead_letters.repair import Handle, Task
from services.dead_letters.results import Fate, Result
from services.dead_letters.stream_records import Hydrated, StreamRecord


def message(record: StreamRecord) -> str:
    """The text to publish for a change of the table."""
    new = record.new or {}
    content = {
        "EventType": record.event_name,
        "Location": record.location,
        **{name: new.get(name, "") for name in NUMBERS},
        "ReplayOf": record.sequence_number,
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def republishing(cache: MomentoCache, hydrated: dict[str, Hydrated]) -> Handle:
    """Publishes every change that a message points at, in their order."""

    def publish(task: Task) -> Result:
        records = hydrated[task.message_id].records if task.message_id in hydrated else ()
        if not records:
            return Result(task.message_id, Fate.LEFT, task.locations, "The stream has forgotten the record.")
        try:
            for record in records:
                cache.publish(names.CACHE, names.TOPIC, message(record))
        except DashboardError as error:
            return Result(task.message_id, Fate.FAILED, task.locations, str(error))
        return Result(task.message_id, Fate.PUBLISHED, task.locations)

    return lambda tasks: map(publish, tasks)
