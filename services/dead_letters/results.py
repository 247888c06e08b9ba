"""What came of work on dead letters: of each message, and of all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Fate(Enum):
    """What became of one message."""

    REPAIRED = "repaired"
    ALREADY_RIGHT = "already right"
    PUBLISHED = "published again"
    DELETED = "deleted"
    FAILED = "failed"
    LEFT = "left as it is"
    NOT_SEEN = "not seen"


#: The fates of messages that are still there.
KEPT = (Fate.FAILED, Fate.LEFT, Fate.NOT_SEEN)


@dataclass(frozen=True)
class Result:
    """What became of one message, of which keys, and why. One that FAILED, was LEFT or NOT_SEEN is still there."""

    message_id: str
    fate: Fate
    locations: tuple[str, ...] = ()
    why: str = ""

    def line(self) -> dict[str, Any]:
        """For the audit log."""
        return {"message": self.message_id, "fate": self.fate.value, "keys": list(self.locations), "why": self.why}


@dataclass(frozen=True)
class Rest:
    """The queue around one piece of work, as far as SQS tells: its counts are approximate.

    `about` messages were there before, `seen` of them (and of later ones) were received. `others` were seen and not
    chosen, `later` came while it went on, and `unseen` are still there without having been seen: somebody else holds
    them, or the work was stopped before.
    """

    about: int = 0
    seen: int = 0
    others: int = 0
    later: int = 0
    unseen: int = 0


@dataclass(frozen=True)
class Report:
    """All results of one piece of work; `stopped` says why it ended before all were done, if it did."""

    results: tuple[Result, ...]
    stopped: str = ""
    rest: Rest = Rest()

    def count(self, fate: Fate) -> int:
        """How many messages had this fate."""
        return sum(result.fate is fate for result in self.results)

    @property
    def kept(self) -> int:
        """How many chosen messages were worked on, or looked for, and are still there."""
        return sum(self.count(fate) for fate in KEPT)

    @property
    def left(self) -> int:
        """About how many messages are in the queue now."""
        rest = self.rest
        return self.count(Fate.FAILED) + self.count(Fate.LEFT) + rest.others + rest.later + rest.unseen

    @property
    def all_done(self) -> bool:
        """Whether no message that was chosen, or may be one of those, is left."""
        return not (self.stopped or self.kept or self.rest.later or self.rest.unseen)

    def words(self) -> str:
        """The report in a sentence of ours."""
        counts = [f"{self.count(fate):,} {fate.value}" for fate in Fate if self.count(fate)]
        return f"{', '.join(counts) or 'Nothing was done'}.{f' Stopped: {self.stopped}' if self.stopped else ''}"

    def rest_words(self) -> str:
        """What was seen, of about how many, and what is still in the queue and why."""
        rest, seen = self.rest, seen_words(self.rest.seen, self.rest.about)
        kept = [result.why or result.fate.value for result in self.results if result.fate in (Fate.FAILED, Fate.LEFT)]
        reasons = Counter(kept).most_common(REASONS)
        parts = [f"{number:,}: {why}" for why, number in reasons]
        parts += [f"{more:,} for other reasons"] if (more := len(kept) - sum(number for _, number in reasons)) else []
        parts += [f"{rest.others:,} not chosen"] if rest.others else []
        parts += [f"{rest.later:,} that came while it worked"] if rest.later else []
        unseen = "it stopped before" if self.stopped else HIDDEN
        parts += [f"about {rest.unseen:,} not seen: {unseen}"] if rest.unseen else []
        if not self.left:
            return f"{seen} None is left."
        sentences = " ".join(f"{part.rstrip('.')}." for part in parts)
        about = "About " if rest.unseen else ""
        return f"{seen} {about}{self.left:,} left in the queue. {sentences}"

    def counts(self) -> Mapping[str, Any]:
        """All counts as plain values."""
        rest = self.rest
        fates = {fate.name.lower(): self.count(fate) for fate in Fate}
        return {
            "about": rest.about,
            "seen": rest.seen,
            **fates,
            "others": rest.others,
            "later": rest.later,
            "unseen": rest.unseen,
            "left": self.left,
            "stopped": self.stopped,
        }


#: Why SQS counts messages that it does not give.
HIDDEN = "another look or other work holds them"
#: Reasons that are named one by one.
REASONS = 5


def seen_words(seen: int, about: int) -> str:
    """How many messages were seen, of about how many: "1,654 of about 1,660 messages seen."."""
    return f"{seen:,} of about {max(seen, about):,} messages seen."
