"""Purging the queue: every message is deleted at once, those that nobody has looked at too. An act of the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from core import names
from core.errors import InvalidInput
from services.audit.log import Audit
from services.dead_letters.message import DeadLetter
from services.dead_letters.queue import DeadLetterQueue

PURGE = "Purge the dead-letter queue"


def purge(queue: DeadLetterQueue, audit: Audit, who: str, why: str, typed: str, letters: Sequence[DeadLetter]) -> int:
    """Purges, once `typed` is the queue's name. Returns about how many messages there were. Raises DashboardError.

    The bodies of `letters`, those that a look saw, are in the audit log before anything is deleted.
    """
    if typed != names.QUEUE:
        raise InvalidInput("queue", f"That is not the queue's name, which is {names.QUEUE}: nothing was deleted.")
    if not why.strip():
        raise InvalidInput("why", "A reason is needed: the audit log keeps it.", "Say why in a few words.")
    about = queue.depth().total
    lines = [{"message": letter.message_id, "body": letter.body} for letter in letters]
    with audit.acting(PURGE, who, why, about=about, seen=len(lines)) as act:
        act.list(lines)
        queue.purge()
        act.end("purged", [])
    return about
