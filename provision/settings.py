"""What may differ between two stacks of the same shape. Each setting is a switch, with a default for each profile.

`original` is Momento's demo, attribute for attribute. `production` is what a stack with data in it should have.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any


class Profile(Enum):
    """The two sets of defaults."""

    ORIGINAL = "original"
    PRODUCTION = "production"


def _switch(original: Any, production: Any, flag: str, reason: str) -> Any:
    metadata = {Profile.ORIGINAL: original, Profile.PRODUCTION: production, "flag": flag, "reason": reason}
    return field(default=original, metadata=metadata)


@dataclass(frozen=True)
class StackSettings:
    """The switches. What each is for stands beside it; the defaults here are the original's."""

    from_oldest: bool = _switch(
        False,
        True,
        "--from-oldest",
        "pipes begin at the oldest record of the stream; the original's miss what changes while they are created",
    )
    retries: int = _switch(
        0, 10, "--retries", "attempts after the first; with 0 one answer 429 of Momento loses the record"
    )
    max_age_s: int = _switch(
        -1,
        3600,
        "--max-age-s",
        "seconds after which a record is given up; -1 is never, and it holds up those behind it",
    )
    on_demand: bool = _switch(
        False, True, "--on-demand", "the table is billed by use and not throttled above 5 writes/s"
    )
    recovery: bool = _switch(False, True, "--recovery", "point-in-time recovery of the table, for 35 days")
    protection: bool = _switch(
        False, True, "--protection", "deletion protection of the table; `down` leaves it unless told --unprotect"
    )
    encrypted_queue: bool = _switch(
        False,
        True,
        "--encrypted-queue",
        "SQS encrypts the dead letters at rest, also where the account's default is not to",
    )
    confined_role: bool = _switch(
        False, True, "--confined-role", "only the pipes of this stack may take on its role, not any pipe of any account"
    )

    alarms: bool = _switch(
        False, True, "--alarms", "CloudWatch alarms for dead letters, old ones among them, and failures of each pipe"
    )
    alarm_email: str = _switch("", "", "--alarm-email", "address that alarms tell, through an SNS topic; none without")

    @staticmethod
    def of(profile: Profile, **chosen: Any) -> StackSettings:
        """The profile's settings, except for those that were chosen (None: not chosen)."""
        defaults = {each.name: each.metadata[profile] for each in fields(StackSettings)}
        return StackSettings(**{**defaults, **{name: value for name, value in chosen.items() if value is not None}})


ORIGINAL = StackSettings.of(Profile.ORIGINAL)
PRODUCTION = StackSettings.of(Profile.PRODUCTION)
