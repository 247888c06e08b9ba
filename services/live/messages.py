"""What is said to a browser that follows a view of the live topic: a whole picture once, then what changed. Pure.

Server-sent events whose data are JSON, rows as lists to keep them short:

    event: picture   {"now", "end", "seconds", "bucket", "bands", "rates", "latest", "events", "more", "feed"}
    event: change    the same without "seconds" and "bucket", with the rows that are new or different only
    event: beat      {"now", "heartbeat"}        nothing has changed, and the stream is alive
    event: down      {"now", "what", "advice"}   there is no feed to follow at the moment

    bands   [start, location, high, low, removed]                    rates   [start, INSERT, MODIFY, REMOVE, other]
    latest  [location, type, received, max, min, chance, sparkline]  names   the locations that are drawn
    events  [id, received, type, location, max, min, chance, problem], oldest first; "unlisted" counts those left out

Times are epoch seconds, temperatures °F. Rows that have left the window are dropped by the browser itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInput
from core.names import LOCATION_MAX_CHARACTERS
from services.topic.events import TopicEvent
from services.topic.series import Band, Latest, Picture, Rate, View
from services.topic.subscription_state import FeedStatus

#: Events that the list shows, of how many that were received it is made, and at most how many new ones go at once.
LISTED, LOOKED_AT, LISTED_AT_ONCE = 200, 2_000, 40
#: Locations whose latest value is told.
LATEST = 24

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to say of a view at one moment: the picture, the feed's state, and the events since the last sight,
    up to the feed's version `events_until`."""

    picture: Picture
    status: FeedStatus
    events: tuple[TopicEvent, ...]
    events_until: int


def whole(sight: Sight, now: float) -> bytes:
    """The message for a viewer who has seen nothing yet; `sight.events` are the newest of all."""
    picture = sight.picture
    content = {
        "now": round(now, 3),
        "end": picture.end,
        "seconds": picture.view.window.seconds,
        "bucket": picture.view.window.bucket_s,
        "names": _names(picture),
        "bands": [_band(band) for band in picture.bands],
        "rates": [_rate(rate) for rate in picture.rates],
        "latest": [_latest(latest) for latest in _shown(picture)],
        "more": picture.more_locations,
        "feed": _feed(sight.status),
        **_events(fitting(sight.events, picture.view), LISTED),
    }
    return message("picture", content)


def change(before: Sight, after: Sight, now: float) -> bytes | None:
    """The message for a viewer who has seen `before`, or None when nothing of the view has changed since."""
    old, new = before.picture, after.picture
    content: dict[str, Any] = {
        "bands": [_band(band) for band in _fresh(old.bands, new.bands)],
        "rates": [_rate(rate) for rate in _fresh(old.rates, new.rates)],
        "latest": [_latest(latest) for latest in _fresh(_shown(old), _shown(new))],
    }
    news = fitting(after.events, new.view)
    if news:
        content |= _events(news, LISTED_AT_ONCE)
    if _names(old) != _names(new) or old.more_locations != new.more_locations:
        content |= {"names": _names(new), "more": new.more_locations}
    if _state(before.status) != _state(after.status):
        content["feed"] = _feed(after.status)
    told = {name: value for name, value in content.items() if value or name in ("names", "more")}
    if not told:
        return None
    told.setdefault("received", after.status.received)
    return message("change", {"now": round(now, 3), "end": new.end, **told})


def beat(status: FeedStatus, now: float) -> bytes:
    """The message that says that the stream is alive, and when the subscription last was."""
    return message("beat", {"now": round(now, 3), "heartbeat": status.last_heartbeat_at, "received": status.received})


def down(what: str, advice: str, now: float) -> bytes:
    """The message that says that there is no feed to follow, and what to do."""
    return message("down", {"now": round(now, 3), "what": what, "advice": advice})


def message(name: str, content: dict[str, Any]) -> bytes:
    """A server-sent event. JSON without a line break is one line of data, whatever text is in it."""
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()


def fitting(events: Iterable[TopicEvent], view: View) -> list[TopicEvent]:
    """The events that a view shows, in their order."""
    return [
        event
        for event in events
        if (not view.types or kind(event) in view.types) and (not view.locations or event.location in view.locations)
    ]


def kind(event: TopicEvent) -> str:
    """The type under which an event is shown, the same as that under which services.topic.series counts it."""
    known = event.location and len(event.location) <= LOCATION_MAX_CHARACTERS
    return event.event_type if known and event.event_type else "other"


def event_id(event: TopicEvent) -> str:
    """What names an event for as long as Momento keeps its topic: its page and its sequence number."""
    return f"{event.page}-{event.sequence}"


def page_and_sequence(named: str) -> tuple[int, int]:
    """What `event_id` was made of. Raises InvalidInput for what it has not made."""
    page, _, sequence = named.partition("-")
    if not (page.isdecimal() and sequence.isdecimal() and len(named) < 50):
        raise InvalidInput("event", "There is no such event.", "Select one in the list.")
    return int(page), int(sequence)


def _fresh(old: tuple[Any, ...], new: tuple[Any, ...]) -> Iterable[Any]:
    seen = set(old)
    return (row for row in new if row not in seen)


def _names(picture: Picture) -> list[str]:
    return sorted({band.location for band in picture.bands})


def _shown(picture: Picture) -> tuple[Latest, ...]:
    """The latest of the locations that moved last."""
    newest = sorted(picture.latest, key=lambda latest: latest.received_at, reverse=True)
    return tuple(newest[:LATEST])


def _state(status: FeedStatus) -> tuple[Any, ...]:
    """What of the subscription is worth a message by itself."""
    return (status.state, status.since, status.reason, status.reconnects, status.missed, status.malformed)


def _band(band: Band) -> Row:
    return [band.start, band.location, band.high, band.low, band.removed]


def _rate(rate: Rate) -> Row:
    return [rate.start, rate.insert, rate.modify, rate.remove, rate.other]


def _latest(latest: Latest) -> Row:
    received = round(latest.received_at, 3)
    values = (latest.max_temp, latest.min_temp, latest.chance)
    return [latest.location, latest.event_type, received, *values, list(latest.spark)]


def _events(events: list[TopicEvent], limit: int) -> dict[str, Any]:
    return {"events": [_event(event) for event in events[-limit:]], "unlisted": max(0, len(events) - limit)}


def _event(event: TopicEvent) -> Row:
    received = round(event.received_at, 3)
    values = (event.max_temp, event.min_temp, event.chance)
    return [event_id(event), received, kind(event), event.location or "", *values, event.problem or ""]


def _feed(status: FeedStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "since": round(status.since, 3),
        "reason": status.reason,
        "received": status.received,
        "missed": status.missed,
        "reconnects": status.reconnects,
        "malformed": status.malformed,
        "last": status.last_event_at,
        "heartbeat": status.last_heartbeat_at,
    }
