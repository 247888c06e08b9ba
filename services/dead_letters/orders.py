"""What work on dead letters is ordered: some messages that an operator chose, or all that the queue has of a kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import InvalidInput
from services.dead_letters.diagnosis import Pointed
from services.dead_letters.message import DeadLetter

#: Messages a second unless the caller says otherwise: as many calls as the API destinations may make.
PER_SECOND = 300.0


class Scope(Protocol):
    """Who orders what, why, for which messages, and at most how many of them each second."""

    @property
    def act(self) -> str:
        """What the audit log calls it."""

    @property
    def who(self) -> str:
        """Who orders it."""

    @property
    def why(self) -> str:
        """The reason."""

    @property
    def per_second(self) -> float:
        """The most messages a second."""

    @property
    def named(self) -> Collection[str] | None:
        """The ids of all messages that are wanted; None when they are not known beforehand."""

    def takes(self, letter: DeadLetter) -> bool:
        """Whether it is for this message."""

    def pointed(self, letters: Sequence[DeadLetter]) -> Mapping[str, Pointed]:
        """What each of these messages is about, by message id. Raises DashboardError."""


@dataclass(frozen=True)
class Order:
    """Work on letters that were chosen one by one, with the keys that they are known to be about."""

    act: str
    who: str
    why: str
    letters: Mapping[str, DeadLetter]
    locations: Mapping[str, tuple[str, ...]]
    per_second: float = PER_SECOND

    def __post_init__(self) -> None:
        """Raises InvalidInput without a reason or letters."""
        _check_reason(self.why)
        if not self.letters:
            raise InvalidInput("letters", "No message is chosen.", "Choose one or more.")

    @property
    def named(self) -> Collection[str] | None:
        """Exactly those."""
        return self.letters.keys()

    def takes(self, letter: DeadLetter) -> bool:
        """Whether it is one of them."""
        return letter.message_id in self.letters

    def pointed(self, letters: Sequence[DeadLetter]) -> Mapping[str, Pointed]:
        """As it was known when they were chosen."""
        return {each.message_id: Pointed(self.locations.get(each.message_id, ())) for each in letters}


@dataclass(frozen=True)
class Sweep:
    """Work on everything in the queue that is of one pipe ("" is any), or only on what is named.

    `look_up` tells what letters are about when their turn comes.
    """

    act: str
    who: str
    why: str
    look_up: Callable[[Sequence[DeadLetter]], Mapping[str, Pointed]]
    pipe: str = ""
    named: Collection[str] | None = None
    per_second: float = PER_SECOND

    def __post_init__(self) -> None:
        """Raises InvalidInput without a reason."""
        _check_reason(self.why)

    def takes(self, letter: DeadLetter) -> bool:
        """Whether it is of the kind."""
        return self.pipe in ("", letter.pipe) and (self.named is None or letter.message_id in self.named)

    def pointed(self, letters: Sequence[DeadLetter]) -> Mapping[str, Pointed]:
        """As the stream and the log tell now."""
        return self.look_up(letters)


def _check_reason(why: str) -> None:
    if not why.strip():
        raise InvalidInput("why", "A reason is needed: the audit log keeps it.", "Say why in a few words.")
