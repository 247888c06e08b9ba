"""Settings that lose records without a word, and steps that do: what a plan says beside its steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from provision.model import Action, Plan
from provision.settings import StackSettings

#: How long a stream keeps a record, in seconds, and how much of it should be left to repair a dead letter: a night.
STREAM_KEEPS_S = 24 * 3600
LEAST_WINDOW_S = 12 * 3600
#: A dead letter should outlive a long weekend, in days.
LEAST_LETTERS_DAYS = 4

_MADE = (Action.CREATE, Action.REPLACE)


def warnings(settings: StackSettings, plan: Plan) -> tuple[str, ...]:
    """What people should know before they say yes, one sentence or two each."""
    return (*_of_settings(settings), *_of_steps(settings, plan))


def _of_settings(settings: StackSettings) -> Iterator[str]:
    if settings.retries == 0:
        yield (
            "Pipes try each record once: one answer 429 or 500 of Momento, or one timeout, and the change is missing "
            "from the cache until somebody repairs the dead letter. --retries 10 tries again."
        )
    if settings.retries < 0 and settings.max_age_s < 0:
        yield (
            "Pipes try a record for ever, so one that Momento always refuses holds up its shard for 24 hours, and what "
            "is behind it may be lost. --max-age-s 3600 gives it up after an hour."
        )
    else:
        yield from _of_repair(settings.max_age_s)
    if settings.letters_days < LEAST_LETTERS_DAYS:
        yield (
            f"The queue forgets a dead letter after {_days(settings.letters_days)}, whether it was repaired or not. "
            "--letters-days 14 keeps it for as long as SQS can."
        )
    if not settings.confined_role:
        yield "The pipes' role may be taken on through any pipe of this or another account. --confined-role narrows it."


def _of_repair(max_age_s: int) -> Iterator[str]:
    """How long a dead letter's record is still in the stream once there is a letter."""
    left_s = STREAM_KEEPS_S - max_age_s
    if max_age_s < 0:
        yield (
            "A record that cannot be sent at all, because nothing answers at the endpoint say, is tried for as long as "
            "the stream has it, 24 hours: its dead letter comes when the record is gone. --max-age-s 3600 gives it up "
            "after an hour and leaves 23 to repair it."
        )
    elif left_s <= 0:
        yield "--max-age-s is 24 hours or more; by then the stream forgets a record: what is retried longer is lost."
    elif left_s < LEAST_WINDOW_S:
        yield (
            f"--max-age-s leaves {left_s / 3600:.1f} hours to repair a dead letter before the stream forgets its "
            "record. --max-age-s 3600 leaves 23."
        )


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _of_steps(settings: StackSettings, plan: Plan) -> Iterator[str]:
    pipes = [step for step in plan.steps if step.kind == "pipe" and step.action in _MADE]
    if pipes and not settings.from_oldest:
        yield (
            "New pipes begin with what changes once they run (LATEST): what is written to the table until then reaches "
            "neither cache nor topic. --from-oldest begins at the oldest record of the stream."
        )
    if settings.from_oldest and any(step.action is Action.REPLACE for step in pipes):
        yield (
            "Pipes that are made anew begin at the oldest record: up to 24 hours of changes are delivered again, and "
            "subscribers of the topic see them twice."
        )
    if any(step.kind == "log group" and step.action is Action.DELETE for step in plan.steps):
        yield "With the log group go the reasons of all failures."
    if any(step.kind == "queue" and step.action is Action.DELETE for step in plan.steps):
        yield "With the queue go the dead letters that are in it."
