"""What one message of the topic says: a weather event when it is one, and always what it is. Pure.

The pipeline publishes {"EventType", "Location", "MaxTemp", "MinTemp", "ChancesOfPrecipitation"}, all texts;
on REMOVE the numbers are "" because a deleted item has no new image. Anyone may publish anything else to
the topic: such a message is kept as it came, with its problem in words. Its text is untrusted (DESIGN decision 12).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.text import encodable

#: What DynamoDB streams call the three kinds of change.
EVENT_TYPES = ("INSERT", "MODIFY", "REMOVE")


class PayloadKind(Enum):
    """How the publisher sent the message."""

    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class TopicEvent:
    """One message of the topic. `received_at` is in epoch seconds, temperatures in °F, `chance` in percent.

    `sequence` counts up by one within a `page`; a new page begins when Momento resets the topic. `problem` is
    None for a well-formed weather event; otherwise it says what is odd, and what could be read is set.
    """

    received_at: float
    sequence: int
    page: int
    kind: PayloadKind
    raw: str | bytes
    event_type: str | None = None
    location: str | None = None
    max_temp: float | None = None
    min_temp: float | None = None
    chance: float | None = None
    problem: str | None = None


def parse_event(raw: str | bytes, sequence: int, page: int, received_at: float) -> TopicEvent:
    """The event in a message. Never raises: what cannot be read is kept with its `problem`.

    A binary message is read too when it is UTF-8 text: whether Momento makes an API destination's JSON a text
    or a binary item is not confirmed (facts/momento.md section 1).
    """
    kind = PayloadKind.TEXT if isinstance(raw, str) else PayloadKind.BINARY
    content, problem = _object_in(raw)
    if content is None:
        return TopicEvent(received_at, sequence, page, kind, raw, problem=problem)

    event_type, location = content.get("EventType"), content.get("Location")
    high, low, chance = (_number(content.get(name)) for name in ("MaxTemp", "MinTemp", "ChancesOfPrecipitation"))
    known_type = event_type if event_type in EVENT_TYPES else None
    known_location = encodable(location) if isinstance(location, str) and location else None
    if known_type is None or known_location is None:
        problem = "not a weather event"
    elif known_type != "REMOVE" and (high is None or low is None or chance is None):
        problem = "a number is missing or unreadable"
    return TopicEvent(received_at, sequence, page, kind, raw, known_type, known_location, high, low, chance, problem)


def _object_in(raw: str | bytes) -> tuple[dict[str, Any] | None, str | None]:
    """The JSON object in a payload, or None and why there is none."""
    if not raw:
        return None, "empty"
    try:
        content = json.loads(raw if isinstance(raw, str) else raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "binary, not text"
    except (ValueError, RecursionError):
        return None, "not JSON"
    if not isinstance(content, dict):
        return None, "not a JSON object"
    return content, None


def _number(value: object) -> float | None:
    """A finite number from the text or number in the payload; None when it is absent, empty or neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
