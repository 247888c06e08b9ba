"""Dead letters that have pipe and cause in common, and the choice of some of them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.dead_letters.repair_status import Case, Standing

#: Points of a group's trend.
TREND_POINTS = 24


@dataclass(frozen=True)
class Group:
    """Letters of one pipe with one kind of cause. Times in epoch seconds.

    `trend` counts them in TREND_POINTS equal parts of the time from the first letter of all groups to `now`.
    """

    pipe: str
    kind: str
    count: int
    first: float
    last: float
    trend: tuple[int, ...]
    standings: Mapping[Standing, int]

    @property
    def key(self) -> str:
        """What notes on it are filed under."""
        return f"{self.pipe} · {self.kind}"


def groups(cases: Iterable[Case], now: float) -> tuple[Group, ...]:
    """The groups, the largest first."""
    by_key: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        by_key[case.letter.pipe, case.cause.kind].append(case)
    begin = min((_sent(case) for group in by_key.values() for case in group), default=now)
    part = max((now - begin) / TREND_POINTS, 1.0)
    return tuple(
        sorted(
            (_group(pipe, kind, found, begin, part) for (pipe, kind), found in by_key.items()),
            key=lambda group: (-group.count, group.key),
        )
    )


def _group(pipe: str, kind: str, cases: list[Case], begin: float, part: float) -> Group:
    moments = [_sent(case) for case in cases]
    trend = Counter(min(int((moment - begin) / part), TREND_POINTS - 1) for moment in moments)
    return Group(
        pipe,
        kind,
        len(cases),
        min(moments),
        max(moments),
        tuple(trend[number] for number in range(TREND_POINTS)),
        Counter(case.standing for case in cases),
    )


def _sent(case: Case) -> float:
    return case.letter.sent_at.timestamp()


@dataclass(frozen=True)
class Choice:
    """Which letters; empty fields choose all. `text` is looked for everywhere, without regard to case.

    `sequence` is the number of a stream record that a letter points at.
    """

    pipe: str = ""
    kind: str = ""
    standing: Standing | None = None
    text: str = ""
    sequence: str = ""
    message: str = ""

    def takes(self, case: Case) -> bool:
        """Whether it is one of them."""
        letter = case.letter
        return (
            self.pipe in ("", letter.pipe)
            and self.kind in ("", case.cause.kind)
            and self.standing in (None, case.standing)
            and self.message in ("", letter.message_id)
            and (not self.sequence or letter.tells_of(self.sequence))
            and (not self.text or self._has_text(case))
        )

    def _has_text(self, case: Case) -> bool:
        letter, wanted = case.letter, self.text.casefold()
        texts = (letter.body, letter.message_id, case.cause.error, case.why, *case.locations)
        return any(wanted in text.casefold() for text in texts)
