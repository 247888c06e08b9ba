"""What planning works on, as pure data: declared resources, observed ones, and the steps from these to those.

A resource is known by its address, such as `table` or `pipe/cache-put`, whatever its name. An attribute may
be a Ref, the output of another resource (an ARN, say); until that one exists its value is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

#: Nested dicts and lists of plain values, in which a Ref may stand for a text.
Attributes: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """The output `name` of the resource at `address`, with an optional text after it, such as `:*`."""

    address: str
    name: str
    suffix: str = ""


class Unknown(Enum):
    """Stands for a value that nobody can know before the step is done."""

    AFTER_APPLY = "(known after apply)"


@dataclass(frozen=True)
class Declared:
    """One resource as it should be. A change of an attribute in `replaced_by` needs the resource to be made anew.

    One that `holds_data` is never made anew: its data would be lost.
    """

    address: str
    kind: str
    name: str
    attributes: Attributes
    after: tuple[str, ...] = ()
    replaced_by: frozenset[str] = frozenset()
    holds_data: bool = False


class Owner(Enum):
    """Whose a resource is that has the name of one of ours."""

    STACK = "the stack"
    SOMEBODY = "somebody else"


@dataclass(frozen=True)
class Observed:
    """One resource as it is. `outputs` are what others may refer to. `trouble` says why it cannot stay as it is.

    A resource in trouble (a pipe that failed to be created, say) is made anew; `retry` says that this may help at
    once. One that is `passing` is on its way to another state, and is waited for.
    """

    attributes: Attributes
    outputs: Mapping[str, str] = field(default_factory=dict)
    owner: Owner = Owner.STACK
    state: str = ""
    trouble: str = ""
    passing: bool = False
    retry: bool = False


class Action(Enum):
    """What a step does, with the sign that `plan` prints."""

    CREATE = "+"
    CHANGE = "~"
    REPLACE = "-/+"
    DELETE = "-"
    KEEP = "="


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that differs: its dotted path, what it is and what it should be, as texts; "" for absent."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Step:
    """One thing to do, and why. `after` are the addresses whose steps must be done before."""

    action: Action
    address: str
    kind: str
    name: str
    changes: tuple[Change, ...] = ()
    reason: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All steps, in an order in which they can be done one by one. `blocked` are the reasons why they must not be."""

    steps: tuple[Step, ...]
    blocked: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return all(step.action is Action.KEEP for step in self.steps)

    def count(self, action: Action) -> int:
        """How many steps do this."""
        return sum(step.action is action for step in self.steps)
