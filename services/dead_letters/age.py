"""How old the dead letters of each pipe are, and how long the stream still keeps their records. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.dead_letters.message import DeadLetter

#: A stream keeps a record for a day after it was written; a dead letter only points at it.
STREAM_KEEPS_S = 86_400.0


@dataclass(frozen=True)
class LetterAges:
    """The dead letters of one pipe: how many, and when the first was sent (epoch s).

    `record_at` is when the oldest of their records came into the stream. `partial` says that there are more messages
    than were looked at.
    """

    count: int = 0
    oldest_at: float = 0.0
    record_at: float = 0.0
    partial: bool = False


def ages(letters: Sequence[DeadLetter], total: int) -> dict[str, LetterAges]:
    """By pipe; `total` is how many messages the queue has in all."""
    groups: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        if letter.pipe:
            groups.setdefault(letter.pipe, []).append(letter)
    partial = total > len(letters)
    return {
        pipe: LetterAges(
            count=len(group),
            oldest_at=min(letter.sent_at.timestamp() for letter in group),
            record_at=min(_arrived(letter) for letter in group),
            partial=partial,
        )
        for pipe, group in groups.items()
    }


def forgets_in_s(found: LetterAges, now: float) -> float:
    """Seconds until the stream forgets the oldest record that a dead letter points at; not positive when it has."""
    return found.record_at + STREAM_KEEPS_S - now


def _arrived(letter: DeadLetter) -> float:
    """When the record came, in epoch seconds; a message that does not say so was sent later than that."""
    try:
        moment = datetime.fromisoformat(letter.arrived_at)
    except ValueError:
        return letter.sent_at.timestamp()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
