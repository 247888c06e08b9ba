"""Looking at every resource of a stack, all at once, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

from botocore.exceptions import ClientError

from provision.errors import ProvisionFailed, is_denied
from provision.kinds.kind import TAGS
from provision.kinds.registry import Kinds
from provision.model import Declared, Observed, Owner

#: Address → what is there, or None.
Seen: TypeAlias = Mapping[str, Observed | None]

WORKERS = 8
#: The state of what these credentials may not look at.
UNSEEN = "not to be seen"


def observe(
    declared: Sequence[Declared], kinds: Kinds, *, adopt: bool = False, unneeded: Collection[str] = ()
) -> dict[str, Observed | None]:
    """What is there of each resource. With `adopt`, what carries no stack's tags counts as ours.

    An address in `unneeded` that these credentials may not look at counts as somebody else's, in the state UNSEEN.
    Raises botocore's errors, and what the kinds raise.
    """

    def look(resource: Declared) -> Observed | None:
        try:
            return kinds[resource.kind].observe(resource)
        except ClientError as error:
            if resource.address in unneeded and is_denied(error):
                return Observed({}, owner=Owner.SOMEBODY, state=UNSEEN)
            raise

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(look, declared))
    seen = zip(declared, found, strict=True)
    return {resource.address: _adopted(each) if adopt else each for resource, each in seen}


def observe_settled(
    declared: Sequence[Declared],
    kinds: Kinds,
    on_wait: Callable[[Declared, str], None],
    *,
    adopt: bool = False,
    unneeded: Collection[str] = (),
    within_s: float = 300.0,
) -> dict[str, Observed | None]:
    """As `observe`, once nothing is on its way to another state: an earlier run may have been killed meanwhile.

    `on_wait` is told what is waited for, and in which state it is. Raises ProvisionFailed after `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    told: set[str] = set()
    pause = 0.05
    while True:
        seen = observe(declared, kinds, adopt=adopt, unneeded=unneeded)
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
    if found is None or found.owner is Owner.STACK or found.state == UNSEEN:
        return found
    if found.attributes.get(TAGS, {}).get("Stack"):
        return found
    return replace(found, owner=Owner.STACK)
