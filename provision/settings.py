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


@dataclass(frozen=True)
class _Limits:
    """The least and the most that AWS takes (botocore's models, facts/aws-pipes.md, section 3)."""

    least: int
    most: int


def _switch(original: Any, production: Any, flag: str, reason: str, limits: _Limits | None = None) -> Any:
    metadata = {
        Profile.ORIGINAL: original,
        Profile.PRODUCTION: production,
        "flag": flag,
        "reason": reason,
        "limits": limits,
    }
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
        0,
        10,
        "--retries",
        "attempts after the first; with 0 one answer 429 of Momento loses the record; -1 is without end",
        _Limits(-1, 10_000),
    )
    max_age_s: int = _switch(
        -1,
        3600,
        "--max-age-s",
        "seconds after which a record is given up; -1 is never, and it holds up those behind it. What is left of the "
        "stream's 24 hours then is the time in which its dead letter can be repaired with the record at hand",
        _Limits(-1, 604_800),
    )
    letters_days: int = _switch(
        14,
        14,
        "--letters-days",
        "days that the queue keeps a dead letter. Its record is gone from the stream a day after it was written; from "
        "then on a repair can bring the cache to what the table has, and no more say what the event was",
        _Limits(1, 14),
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
        False,
        True,
        "--alarms",
        "CloudWatch alarms for dead letters, old ones among them, for failures of each pipe, and for writes that "
        "nothing is delivered of",
    )
    alarm_email: str = _switch("", "", "--alarm-email", "address that alarms tell, through an SNS topic; none without")
    dashboard: bool = _switch(
        False, True, "--dashboard", "a CloudWatch dashboard with writes, deliveries, failures and dead letters"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a number that AWS does not take."""
        for each in fields(self):
            limits: _Limits | None = each.metadata["limits"]
            value = getattr(self, each.name)
            if limits is not None and not limits.least <= value <= limits.most:
                raise ValueError(
                    f"{each.metadata['flag']} is {value}; AWS takes numbers from {limits.least} to {limits.most}."
                )

    @staticmethod
    def of(profile: Profile, **chosen: Any) -> StackSettings:
        """The profile's settings, except for those that were chosen (None: not chosen)."""
        defaults = {each.name: each.metadata[profile] for each in fields(StackSettings)}
        return StackSettings(**{**defaults, **{name: value for name, value in chosen.items() if value is not None}})


ORIGINAL = StackSettings.of(Profile.ORIGINAL)
PRODUCTION = StackSettings.of(Profile.PRODUCTION)
