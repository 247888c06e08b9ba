"""The stack beside its declaration: every resource is looked at alone, so that one that may not be read hides no other.

The only service that knows `provision`: what ought to be there is declared nowhere else. It looks and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from core import names
from core.aws import PATIENT, Aws, translated
from core.config import Target
from core.errors import DashboardError, NotAuthorized
from core.momento_client import MomentoCache
from core.momento_keys import MomentoAddress
from core.names import PROJECT
from provision import stack
from provision.clients import Clients
from provision.kinds.registry import Kinds, kinds
from provision.model import Change, Declared, Observed, Owner, Step, Unknown
from provision.observation import WORKERS
from provision.planner import in_order, plan
from provision.secret_text import SecretText
from provision.settings import Profile, StackSettings
from services.stack.report import Difference, Part, StackReport, Standing

#: What a stack can be held against.
PROFILES = tuple(profile.value for profile in Profile)

_KEY_UNREAD = "The Momento key in it may not be read with these rights, so it is not compared."

_NOT_OURS = "It does not carry this stack's tags or description. up --adopt takes it over, if it is yours."


def usual_profile(target: Target) -> str:
    """The profile that `python -m provision` takes on this target when none is named."""
    profile = Profile.PRODUCTION if target is Target.AWS else Profile.ORIGINAL
    return str(profile.value)


@dataclass(frozen=True)
class Look:
    """What a look at one resource gave: `found` (None when there is none), or the `error` that it ended with.

    `compared` is the declaration that it was held against, without what may not be read.
    """

    compared: Declared
    found: Observed | None = None
    error: DashboardError | None = None
    note: str = ""


class StackReader:
    """Looks at the stack that the process speaks of. `api_key` is the Momento key as the person gave it."""

    def __init__(self, aws: Aws, cache: MomentoCache, momento: MomentoAddress, api_key: str) -> None:
        self._aws = aws
        self._cache = cache
        self._http_endpoint = momento.http_endpoint
        self._api_key = SecretText(api_key)
        self._lock = threading.Lock()
        self._opened: Clients | None = None

    def read(self, profile: str) -> StackReport:
        """The stack beside what this profile declares. Raises DashboardError when not even the account is known."""
        clients = self._clients()
        with translated("Asking AWS for the number of the account"):
            account = clients.sts.get_caller_identity()["Account"]
        wanted = StackSettings.of(Profile(profile))
        chosen = names.chosen()
        place = stack.Place(self._aws.region, account, self._http_endpoint)
        declared = in_order(stack.declared(chosen, wanted, place, self._api_key))
        optional = stack.optional(chosen, wanted, place, self._api_key)
        at_work = kinds(clients, self._cache, chosen, account)
        with ThreadPoolExecutor(WORKERS) as pool:
            looks = list(pool.map(lambda resource: look(resource, at_work), (*declared, *optional)))
        return StackReport(
            stack=chosen.stack,
            prefix=chosen.prefix,
            region=self._aws.region,
            account=account,
            profile=profile,
            tags={"Project": PROJECT, "Stack": chosen.stack},
            http_endpoint=self._http_endpoint,
            topic=chosen.topic,
            parts=parts(looks[: len(declared)], looks[len(declared) :]),
        )

    def _clients(self) -> Clients:
        """Made at the first look: most viewers never open the page."""
        with self._lock:
            if self._opened is None:
                self._opened = Clients(self._aws.session, self._aws.endpoint_url, PATIENT)
            return self._opened

    def close(self) -> None:
        """Closes the connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()


def look(resource: Declared, at_work: Kinds) -> Look:
    """One look at one resource; where only its secret may not be read, another one without it."""
    try:
        return _observed(resource, at_work)
    except NotAuthorized as refusal:
        plain = _without_secrets(resource)
        if plain == resource:
            return Look(resource, error=refusal)
        try:
            return replace(_observed(plain, at_work), note=_KEY_UNREAD)
        except DashboardError as error:
            return Look(resource, error=error)
    except DashboardError as error:
        return Look(resource, error=error)


def _observed(resource: Declared, at_work: Kinds) -> Look:
    with translated(f"Reading {resource.kind} {resource.name}"):
        return Look(resource, at_work[resource.kind].observe(resource))


def _without_secrets(resource: Declared) -> Declared:
    kept = {name: value for name, value in resource.attributes.items() if not isinstance(value, SecretText)}
    return replace(resource, attributes=kept)


def parts(declared: Sequence[Look], optional: Sequence[Look]) -> tuple[Part, ...]:
    """What was looked at, in its order; of the optional ones those that are there, or that cannot be read. Pure."""
    seen = {each.compared.address: each.found for each in (*declared, *optional) if each.error is None}
    steps = {step.address: step for step in plan([each.compared for each in declared], seen).steps}
    return (
        *(_part(each, steps[each.compared.address]) for each in declared),
        *(_extra(each) for each in optional if each.error is not None or _is_ours(each.found)),
    )


def _part(seen_as: Look, step: Step) -> Part:
    resource, found = seen_as.compared, seen_as.found
    if seen_as.error is not None:
        return _unreadable(seen_as, seen_as.error)
    if found is None:
        return Part(resource.address, resource.kind, resource.name, Standing.MISSING)
    known = [change for change in step.changes if not _is_unknown(change)]
    differs = tuple(Difference(change.path, declared=change.new, observed=change.old) for change in known)
    notes = tuple(_notes(seen_as, step, [change for change in step.changes if _is_unknown(change)]))
    return replace(_there(seen_as, found), standing=_standing(found, differs), differences=differs, notes=notes)


def _is_unknown(change: Change) -> bool:
    """Whether what is declared refers to a resource that is not there or cannot be read."""
    return Unknown.AFTER_APPLY.value in change.new


def _notes(seen_as: Look, step: Step, unknown: Sequence[Change]) -> Iterator[str]:
    if seen_as.found is not None and seen_as.found.owner is Owner.SOMEBODY:
        yield _NOT_OURS
    if seen_as.note:
        yield seen_as.note
    if step.reason:
        yield f"It has to be made anew: {step.reason}."
    if unknown:
        paths = ", ".join(change.path for change in unknown)
        yield f"Not compared, because what it refers to is missing or cannot be read: {paths}."


def _standing(found: Observed, differs: Sequence[Difference]) -> Standing:
    if found.owner is Owner.SOMEBODY:
        return Standing.SOMEBODYS
    if found.passing:
        return Standing.PASSING
    return Standing.DIFFERS if differs else Standing.AS_DECLARED


def _extra(seen_as: Look) -> Part:
    if seen_as.error is not None:
        return replace(_unreadable(seen_as, seen_as.error), declared=False)
    assert seen_as.found is not None, "an optional resource that is not there is no part"
    return replace(_there(seen_as, seen_as.found), standing=Standing.EXTRA, declared=False)


def _is_ours(found: Observed | None) -> bool:
    return found is not None and found.owner is Owner.STACK


def _there(seen_as: Look, found: Observed) -> Part:
    resource = seen_as.compared
    state, _, reason = found.state.partition(": ")
    standing = _standing(found, ())
    return Part(resource.address, resource.kind, resource.name, standing, state, reason, found.outputs)


def _unreadable(seen_as: Look, error: DashboardError) -> Part:
    resource = seen_as.compared
    return Part(resource.address, resource.kind, resource.name, Standing.UNREADABLE, notes=(str(error),))
