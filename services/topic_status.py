"""The state of the topic subscription and how each thing that happens changes it. Pure.

CONNECTING ─ first message ─> LIVE ─ stream lost ─> RECONNECTING ─ first message ─> LIVE
any of them ─ the endpoint says no ─> REFUSED ─ first message ─> LIVE, and any of them ─ close ─> STOPPED

A state is left only when something else is known: between two attempts to return it stays RECONNECTING or
REFUSED, so `since` tells for how long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class FeedState(Enum):
    """What the subscription is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """Everything known about the subscription at one moment. All times are epoch seconds.

    `reason` says in words why the state is not LIVE. `sequence` and `page` are those of the newest message (None
    and 0 before the first). `missed` counts messages that were published and never came: those before a
    discontinuity, and jumps in the sequence. When Momento reset the topic, what was lost before is unknown.
    """

    state: FeedState
    since: float
    reason: str = ""
    last_heartbeat_at: float | None = None
    last_event_at: float | None = None
    sequence: int | None = None
    page: int = 0
    received: int = 0
    reconnects: int = 0
    missed: int = 0
    malformed: int = 0


def resume_point(status: FeedStatus) -> tuple[int, int]:
    """Sequence number and page to subscribe from.

    The first time from (0, 0), the newest message. A topic that was followed and had none was empty then, so the
    next time from (1, 0): its first message, or as far back as Momento still has them.
    """
    if status.sequence is not None:
        return status.sequence + 1, status.page
    return (1 if _was_live(status) else 0), 0


def is_duplicate(status: FeedStatus, sequence: int, page: int) -> bool:
    """Whether a message was seen before; within a page sequence numbers only grow."""
    return status.sequence is not None and page == status.page and sequence <= status.sequence


def with_heartbeat(status: FeedStatus, now: float) -> FeedStatus:
    """After a heartbeat."""
    return replace(_alive(status, now), last_heartbeat_at=now)


def with_message(status: FeedStatus, sequence: int, page: int, malformed: bool, now: float) -> FeedStatus:
    """After a message that is not a duplicate."""
    live = _alive(status, now)
    return replace(
        live,
        last_event_at=now,
        sequence=sequence,
        page=page,
        received=live.received + 1,
        missed=live.missed + _skipped(status, sequence, page),
        malformed=live.malformed + malformed,
    )


def with_discontinuity(status: FeedStatus, next_sequence: int, page: int, now: float) -> FeedStatus:
    """After the word that messages are lost and that `next_sequence` of `page` follows.

    Moves forward only: a server that names a message of the same page again repeats it, and it is a duplicate.
    """
    live = _alive(status, now)
    skipped = _skipped(status, next_sequence, page)
    before_next = next_sequence - 1
    if status.sequence is not None and page == status.page:
        before_next = max(before_next, status.sequence)
    return replace(live, sequence=before_next, page=page, missed=live.missed + skipped)


def with_loss(status: FeedStatus, reason: str, now: float) -> FeedStatus:
    """After the stream broke, or could not be opened because nothing answers."""
    return _moved(status, FeedState.RECONNECTING, reason, now)


def with_refusal(status: FeedStatus, reason: str, now: float) -> FeedStatus:
    """After the endpoint answered and said no."""
    return _moved(status, FeedState.REFUSED, reason, now)


def stopped(status: FeedStatus, now: float) -> FeedStatus:
    """After the feed was closed."""
    return _moved(status, FeedState.STOPPED, "The subscription was closed.", now)


def _alive(status: FeedStatus, now: float) -> FeedStatus:
    if status.state is FeedState.LIVE:
        return status
    returned = 1 if _was_live(status) else 0
    return replace(_moved(status, FeedState.LIVE, "", now), reconnects=status.reconnects + returned)


def _was_live(status: FeedStatus) -> bool:
    return status.last_heartbeat_at is not None or status.last_event_at is not None


def _moved(status: FeedStatus, state: FeedState, reason: str, now: float) -> FeedStatus:
    since = status.since if state is status.state else now
    return replace(status, state=state, reason=reason, since=since)


def _skipped(status: FeedStatus, sequence: int, page: int) -> int:
    """How many messages were surely published between the newest one seen and `sequence`."""
    if status.sequence is None:
        return 0
    if page == status.page:
        return max(0, sequence - status.sequence - 1)
    # A new page numbers its messages from 1.
    return max(0, sequence - 1)
