"""Looking at every resource of a stack, all at once, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

from provision.errors import ProvisionFailed
from provision.kinds.kind import TAGS
from provision.kinds.registry import Kinds
from provision.model import Declared, Observed, Owner

#: Address → what is there, or None.
Seen: TypeAlias = Mapping[str, Observed | None]

WORKERS = 8


def observe(declared: Sequence[Declared], kinds: Kinds, *, adopt: bool = False) -> dict[str, Observed | None]:
    """What is there of each resource. With `adopt`, what carries no stack's tags counts as ours.

    Raises botocore's errors, and what the kinds raise.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(lambda resource: kinds[resource.kind].observe(resource), declared))
    seen = zip(declared, found, strict=True)
    return {resource.address: _adopted(each) if adopt else each for resource, each in seen}


def observe_settled(
    declared: Sequence[Declared],
    kinds: Kinds,
    on_wait: Callable[[Declared, str], None],
    *,
    adopt: bool = False,
    within_s: float = 300.0,
) -> dict[str, Observed | None]:
    """As `observe`, once nothing is on its way to another state: an earlier run may have been killed meanwhile.

    `on_wait` is told what is waited for, and in which state it is. Raises ProvisionFailed after `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    told: set[str] = set()
    pause = 0.05
    while True:
        seen = observe(declared, kinds, adopt=adopt)
        passing = [(each, found) for each in declared if (found := seen[each.address]) is not None and found.passing]
        if not passing:
            return seen
        for resource, found in passing:
            if resource.address not in told:
                told.add(resource.address)
                on_wait(resource, found.state)
        if time.monotonic() > deadline:
            resource, found = passing[0]
            raise ProvisionFailed(
                f"{resource.kind} {resource.name} has been {found.state} for {within_s:.0f} s. "
                "Look at it in the AWS console, and run this again when it has settled."
            )
        time.sleep(pause)
        pause = min(pause * 2, 5.0)


def _adopted(found: Observed | None) -> Observed | None:
    """What is nobody's becomes ours; what carries another stack's tag stays that one's."""
    if found is None or found.owner is Owner.STACK or found.attributes.get(TAGS, {}).get("Stack"):
        return found
    return replace(found, owner=Owner.STACK)
