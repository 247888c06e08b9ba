"""Where to look when a step of a write's way does not come. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from services.dead_letters.message import DeadLetter
from services.logs.executions import Outcome
from services.pipes.describe import Pipe
from services.tracking.pipe_step import Leg
from services.tracking.propagation import Propagation, flows, leg_of


class Place(Enum):
    """The page that says more."""

    PIPES = "Pipes"
    DEAD_LETTERS = "Dead letters"
    LIVE_TOPIC = "Live topic"
    LOOKUP = "Lookup"


@dataclass(frozen=True)
class Hint:
    """One thing that is so, and the page that says more. The text may quote a log's error: it is plain text."""

    text: str
    place: Place


def hints(way: Propagation, pipes: Sequence[Pipe], letters: Sequence[DeadLetter]) -> tuple[Hint, ...]:
    """Why steps of a late write may not have come; none for one that is not late."""
    if not way.expected or not way.late:
        return ()
    found = [hint for flow in flows(way) for hint in _of_pipe(way, flow, pipes, letters)]
    if not found and way.topic_ms is None:
        found.append(Hint("The pipe published the event and it was not received here.", Place.LIVE_TOPIC))
    if not found and way.cache_ms is None:
        text = "The pipe delivered, and the cache has something else: a later write, or its time to live ran out."
        found.append(Hint(text, Place.LOOKUP))
    return tuple(found)


def _of_pipe(way: Propagation, flow: str, pipes: Sequence[Pipe], letters: Sequence[DeadLetter]) -> list[Hint]:
    leg = leg_of(way, flow)
    if leg is not None and leg.outcome is Outcome.SUCCEEDED:
        return []
    pipe = next((known for known in pipes if known.flow == flow), None)
    found = []
    if pipe is not None and not pipe.running:
        found.append(Hint(f"The pipe {flow} is {pipe.state.lower().replace('_', ' ')}.", Place.PIPES))
    elif leg is not None:
        found.append(Hint(_unfinished(flow, leg), Place.PIPES))
    elif pipe is not None:
        found.append(Hint(_unlogged(flow, pipe), Place.PIPES))
    if any(_is_of(letter, pipe, leg) for letter in letters):
        found.append(Hint(f"The dead-letter queue has this record of the pipe {flow}.", Place.DEAD_LETTERS))
    return found


def _unfinished(flow: str, leg: Leg) -> str:
    error = f": {leg.error}" if leg.error else "."
    if leg.outcome is Outcome.FAILED:
        return f"The pipe {flow} failed after {leg.attempts:,} failed attempts{error}"
    if leg.outcome is Outcome.HOLDING:
        return f"The pipe {flow} could not deliver and tries again{error}"
    return f"The pipe {flow} has started, and its log does not tell more yet."


def _unlogged(flow: str, pipe: Pipe) -> str:
    if pipe.log_level in ("", "OFF"):
        return f"The pipe {flow} writes no log: its level is OFF."
    if pipe.log_level == "ERROR":
        return f"The pipe {flow} writes only errors into its log, and there is none of this record."
    filters = " or ".join(pipe.filters) or "none"
    return f"The log has nothing of the pipe {flow} for this record yet. Its filter: {filters}."


def _is_of(letter: DeadLetter, pipe: Pipe | None, leg: Leg | None) -> bool:
    """Whether a dead letter points at the leg's record. Sequence numbers are compared as numbers."""
    if pipe is None or leg is None or letter.pipe != pipe.name:
        return False
    numbers = (letter.first_sequence_number, leg.sequence_number, letter.last_sequence_number)
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return False
    first, own, last = (int(number) for number in numbers)
    return first <= own <= last
