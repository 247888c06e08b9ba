"""The faults that the page Sandbox offers by name, and what is known of each. Pure.

A switch is known again by its name, which the sandbox keeps with the fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Switch:
    """A fault with a name; `fault` is what sandbox/faults/fault.py reads. `hint` says what to expect of it."""

    name: str
    hint: str
    fault: Mapping[str, Any] = field(repr=False)

    def order(self) -> dict[str, Any]:
        """The fault as the admin port takes it."""
        return {**self.fault, "name": self.name}


SWITCHES = (
    Switch(
        "Momento answers 500 to the next 20",
        "Twenty dead letters, then all is well.",
        {"target": "momento.http *", "status": 500, "count": 20},
    ),
    Switch(
        "Momento answers 500 to everything",
        "Every record becomes a dead letter.",
        {"target": "momento.http *", "status": 500},
    ),
    Switch(
        "Momento answers 429 to a tenth",
        "Every tenth request, by the dice, is one too many.",
        {"target": "momento.http *", "status": 429, "share": 0.1},
    ),
    Switch(
        "Momento is slow: 300 ms",
        "Every request waits; the pipes fall behind.",
        {"target": "momento.http *", "delay_ms": 300},
    ),
    Switch(
        "Momento never answers the next 3",
        "Each attempt ends after 5 seconds.",
        {"target": "momento.http *", "fail": "timeout", "count": 3},
    ),
    Switch(
        "Momento resets a third of the connections",
        "The pipes try again and nothing is lost.",
        {"target": "momento.http *", "fail": "reset", "share": 0.33},
    ),
    Switch(
        "The cache cannot be read",
        "gRPC Get answers UNAVAILABLE: lookups fail, the pipes do not.",
        {"target": "momento.grpc Get", "code": "UNAVAILABLE"},
    ),
    Switch(
        "The dead-letter queue refuses",
        "A pipe that must give a record up holds until the queue accepts it.",
        {"target": "sqs SendMessage", "status": 403, "code": "AccessDenied"},
    ),
    Switch(
        "The log group refuses",
        "Deliveries go on; their executions are missing from the logs.",
        {"target": "logs PutLogEvents", "status": 503, "code": "ServiceUnavailableException"},
    ),
)


@dataclass(frozen=True)
class SwitchState:
    """What is known of a switch: the id of its fault while it is on, and the counts of its last run.

    `fired` is None when it was never on, or too long ago to be remembered; `remaining` is None without a limit.
    """

    id: int | None = None
    fired: int | None = None
    remaining: int | None = None

    @property
    def on(self) -> bool:
        """Whether it is on."""
        return self.id is not None

    def told(self) -> str:
        """The counts in words, "" when it never fired."""
        if self.fired is None:
            return ""
        words = "fired once" if self.fired == 1 else f"fired {self.fired:,} times"
        return f"{words}, {self.remaining:,} to come" if self.on and self.remaining is not None else words


def state_of(switch: Switch, faults: Mapping[str, Any]) -> SwitchState:
    """The state of a switch in what the admin port tells of its faults; the last that was switched on counts."""
    running = _named(switch.name, faults["on"])
    if running is not None:
        return SwitchState(running["id"], running["fired"], running["remaining"])
    over = _named(switch.name, faults["ended"])
    return SwitchState(None, over["fired"]) if over is not None else SwitchState()


def others(faults: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The faults that are on and belong to no switch: somebody ordered them at the admin port."""
    known = {switch.name for switch in SWITCHES}
    return [fault for fault in faults["on"] if fault["name"] not in known]


def _named(name: str, faults: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max((fault for fault in faults if fault["name"] == name), key=lambda fault: int(fault["id"]), default=None)
