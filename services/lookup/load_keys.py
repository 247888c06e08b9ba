"""The keys over which a load test reads: those named, or those of the table's first records that fit."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InvalidInput
from services.jobs.jobs import Control
from services.weather.paging import SEARCH_STEP, RecordPages, location_of
from services.weather.table import RESERVED_PREFIX, key_of

#: How many records may be drawn from, and how many keys may be named.
KEYS_MIN, KEYS_MAX = 1, 10_000
NAMED_MAX = 100


@dataclass(frozen=True)
class KeyChoice:
    """`named` keys, whether the table has them or not; without any, at most `most` records that begin with `prefix`."""

    named: tuple[str, ...] = ()
    prefix: str = ""
    most: int = 1_000


def check_choice(choice: KeyChoice) -> None:
    """Raises InvalidInput when a choice asks for what is not allowed."""
    if len(choice.named) > NAMED_MAX:
        raise InvalidInput("keys", f"{len(choice.named):,} keys are named.", f"Name at most {NAMED_MAX}.")
    for name in choice.named:
        key_of(name)
    if not KEYS_MIN <= choice.most <= KEYS_MAX:
        raise InvalidInput("most", f"{choice.most:,} records.", f"Allowed are {KEYS_MIN} to {KEYS_MAX:,}.")


def chosen(choice: KeyChoice, pages: RecordPages, control: Control) -> tuple[str, ...]:
    """The keys of a choice; those read until then when the job is cancelled. The canary's are left out.

    Raises InvalidInput when no record fits, and what RecordPages raises.
    """
    check_choice(choice)
    if choice.named:
        return choice.named
    found: list[str] = []
    read, start = 0, None
    while len(found) < choice.most and not control.cancelled:
        page = pages.search(choice.prefix, start) if choice.prefix else pages.page(SEARCH_STEP, start)
        read += page.read
        locations = (location_of(item) for item in page.items)
        found += [location for location in locations if not location.startswith(RESERVED_PREFIX)]
        control.report(0, None, f"{min(len(found), choice.most):,} keys found among {read:,} records")
        start = page.next_start
        if start is None:
            break
    if not found and not control.cancelled:
        raise InvalidInput("keys", "No record fits.", "Choose other keys, or save a record first.")
    return tuple(found[: choice.most])
