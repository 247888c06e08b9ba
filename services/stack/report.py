"""What the page Stack tells: each resource as it is, and where it differs from what a profile declares. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any


class Standing(Enum):
    """How a resource stands to what is declared."""

    AS_DECLARED = "as declared"
    PASSING = "on its way"
    DIFFERS = "differs"
    MISSING = "missing"
    SOMEBODYS = "somebody else's"
    UNREADABLE = "cannot be read"
    EXTRA = "not in this profile"


#: What is there in the account, whatever it looks like.
_THERE = frozenset({Standing.AS_DECLARED, Standing.PASSING, Standing.DIFFERS})


@dataclass(frozen=True)
class Difference:
    """One attribute, by its dotted path: as declared and as observed, as texts; "" for absent."""

    path: str
    declared: str
    observed: str


@dataclass(frozen=True)
class Part:
    """One resource. `reason` is AWS's for the state; `notes` say what was not compared or not read, and why.

    One that is not `declared` is known from another profile.
    """

    address: str
    kind: str
    name: str
    standing: Standing
    state: str = ""
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    declared: bool = True

    @property
    def arn(self) -> str:
        """Its ARN, or "" for one that is not there or has none."""
        return self.outputs.get("arn", "")


@dataclass(frozen=True)
class Output:
    """What people paste elsewhere, and what it is: a resource's name and ARNs, or an address."""

    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command line and what it does."""

    line: str
    does: str


@dataclass(frozen=True)
class StackReport:
    """A stack in one place, each resource after those that it needs. `parts` has those beyond the profile, too."""

    stack: str
    prefix: str
    region: str
    account: str
    profile: str
    tags: Mapping[str, str]
    http_endpoint: str
    topic: str
    parts: tuple[Part, ...]

    @property
    def absent(self) -> bool:
        """Whether nothing of the stack is there, as far as it could be read."""
        return not any(part.standing in (*_THERE, Standing.EXTRA) for part in self.parts)

    @property
    def as_declared(self) -> bool:
        """Whether nothing is to be done and everything was read."""
        return all(part.standing is Standing.AS_DECLARED for part in self.parts)

    def count(self, standing: Standing) -> int:
        """How many resources stand so."""
        return sum(part.standing is standing for part in self.parts)

    def summary(self) -> str:
        """One line, such as `15 of 17 resources are there: 1 differs, 2 are missing.`"""
        there = sum(part.standing in _THERE for part in self.parts)
        said = f"{there} of {sum(part.declared for part in self.parts)} resources are there"
        if self.as_declared:
            return f"{said}, no drift."
        counts = Counter(part.standing for part in self.parts)
        told = [_told(standing, counts[standing]) for standing in _WORDS if counts[standing]]
        return f"{said}: {', '.join(told)}." if told else f"{said}."

    def outputs(self) -> tuple[Output, ...]:
        """Names, ARNs and the endpoint of what is there."""
        return tuple(self._outputs())

    def _outputs(self) -> Iterator[Output]:
        for part in self.parts:
            if part.standing not in (*_THERE, Standing.EXTRA):
                continue
            yield Output(part.kind[0].upper() + part.kind[1:], (part.name, *part.outputs.values()))
        if not self.absent:
            yield Output("Momento topic", (self.topic,))
            yield Output("Momento HTTP endpoint", (self.http_endpoint,))

    def data(self, read_at: float) -> dict[str, Any]:
        """All of it as JSON has it; secrets are in it as "(secret)". `read_at` is in epoch seconds."""
        return {
            "stack": self.stack,
            "prefix": self.prefix,
            "region": self.region,
            "account": self.account,
            "compared_with": self.profile,
            "read_at": datetime.fromtimestamp(read_at, UTC).isoformat(timespec="seconds"),
            "summary": self.summary(),
            "tags": dict(self.tags),
            "momento_http_endpoint": self.http_endpoint,
            "momento_topic": self.topic,
            "resources": [_part_data(part) for part in self.parts],
        }


#: What a summary says of each standing, for one and for more.
_WORDS = {
    Standing.MISSING: ("is missing", "are missing"),
    Standing.DIFFERS: ("differs", "differ"),
    Standing.PASSING: ("is on its way", "are on their way"),
    Standing.SOMEBODYS: ("is somebody else's", "are somebody else's"),
    Standing.UNREADABLE: ("cannot be read", "cannot be read"),
    Standing.EXTRA: ("is not in this profile", "are not in this profile"),
}


def _told(standing: Standing, count: int) -> str:
    one, more = _WORDS[standing]
    return f"{count} {one if count == 1 else more}"


def _part_data(part: Part) -> dict[str, Any]:
    return {
        "address": part.address,
        "kind": part.kind,
        "name": part.name,
        "standing": part.standing.value,
        "state": part.state,
        "reason": part.reason,
        "outputs": dict(part.outputs),
        "differences": [
            {"path": each.path, "declared": each.declared, "observed": each.observed} for each in part.differences
        ],
        "notes": list(part.notes),
    }


def commands(prefix: str, profile: str) -> tuple[Command, ...]:
    """What somebody with the rights runs in a terminal: none of it is done by the dashboard."""
    which = f" --prefix {prefix}" if prefix else ""
    like = f"{which} --profile {profile}"
    run = "python -m provision"
    return (
        Command(f"{run} plan{like}", "Says what up would do, with old and new values. Changes nothing."),
        Command(f"{run} up{like}", "Creates what is missing and changes what differs. Shows the plan and asks first."),
        Command(
            f"{run} drift{like} --fail", "Lists what differs; the exit code is 2 if anything does. For a nightly job."
        ),
        Command(f"{run} status{like}", "The state of every resource, in the terminal."),
        Command(f"{run} doctor{like}", "Looks for what would keep the stack from working: rights, Momento key, cache."),
        Command(f"{run} policy reader{which}", "Prints the IAM policy that this page and the others need."),
        Command(
            f"{run} down{which} --keep-table",
            "Deletes the stack, after asking. The table with its records and the Momento cache stay; without "
            "--keep-table the records are deleted, too.",
        ),
    )
