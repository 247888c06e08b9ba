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


#: How many gaps are remembered.
GAPS = 50


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in the stream where messages are lost: noticed `at` (epoch seconds), after message `last_sequence`
    of `last_page`; `next_sequence` of `next_page` was the next. `missed` were surely published and never came.
    """

    at: float
    last_page: int
    last_sequence: int
    next_page: int
    next_sequence: int
    missed: int

    @property
    def began_anew(self) -> bool:
        """Whether Momento began the topic anew there: what was lost before is then unknown, and not in `missed`."""
        return self.last_page != self.next_page


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """Everything known about the subscription at one moment. All times are epoch seconds.

    `reason` says in words why the state is not LIVE. `sequence` and `page` are those of the newest message (None
    and 0 before the first). `missed` counts messages that were published and never came: those before a
    discontinuity, and jumps in the sequence. When Momento reset the topic, what was lost before is unknown.
    `gaps` are the last GAPS places where that happened, oldest first. `restored` messages came from the history of an
    earlier run of the dashboard, the newest of them at `restored_until`; they do not count as received.
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
    gaps: tuple[Gap, ...] = ()
    restored: int = 0
    restored_until: float | None = None


def resume_point(status: FeedStatus) -> tuple[int, int]:
    """Sequence number and page to subscribe from.

    The first time from (0, 0), the newest message, unless the history knows where the last run ended. A topic that
    was followed and had none was empty then, so the next time from (1, 0): its first message, or as far back as
    Momento still has them.
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
        gaps=_gaps(status, sequence, page, now),
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
    gaps = _gaps(status, next_sequence, page, now)
    return replace(live, sequence=before_next, page=page, missed=live.missed + skipped, gaps=gaps)


def with_history(status: FeedStatus, restored: int, until: float, resume: tuple[int, int] | None) -> FeedStatus:
    """After the messages of an earlier run were read. `resume` is sequence and page of the newest message of the same
    Momento, or None when it is another one, whose topic is followed from its newest message.
    """
    sequence, page = resume if resume is not None else (None, 0)
    return replace(status, restored=restored, restored_until=until, sequence=sequence, page=page)


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


def _gaps(status: FeedStatus, sequence: int, page: int, now: float) -> tuple[Gap, ...]:
    """The gaps, with the one between the newest message seen and `sequence` of `page` if there is one."""
    if status.sequence is None or (page == status.page and sequence <= status.sequence + 1):
        return status.gaps
    missed = _skipped(status, sequence, page)
    gap = Gap(now, status.page, status.sequence, page, sequence, missed)
    return (*status.gaps, gap)[-GAPS:]
