"""Looking for what would keep a stack from coming up or from working, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from botocore.exceptions import ClientError

from core.names import StackNames
from provision import http_check, policies, quotas
from provision.advice import explain, is_told
from provision.clients import Caches, Clients
from provision.errors import is_denied
from provision.secret_text import SecretText
from provision.stack import Place

#: Caches that a Momento account on demand may have in a region (facts/momento.md, section 7).
_CACHES = 3
#: What SimulatePrincipalPolicy takes at most.
_ACTIONS_AT_ONCE = 50
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


@dataclass(frozen=True)
class Finding:
    """What one check found: `good` is None where it could not be found out."""

    title: str
    good: bool | None
    said: str


#: One look: whether it is good (None: not to be found out), and what was seen.
Look: TypeAlias = Callable[[], tuple[bool | None, str]]


def examine(aws: Clients, caches: Caches, names: StackNames, place: Place, api_key: SecretText) -> Iterator[Finding]:
    """All checks, one after the other; what fails is a finding, and the others go on.

    `api_key` is the Momento key as the connection has it. What `caches` raises has to be a ProvisionFailed.
    """
    looks: tuple[tuple[str, Look], ...] = (
        ("AWS credentials", lambda: (True, aws.sts.get_caller_identity()["Arn"])),
        ("Permissions", lambda: _permissions(aws, names, place)),
        ("Quotas", lambda: _quotas(aws, names)),
        ("Momento cache", lambda: _cache(caches, names)),
        ("Momento's region", lambda: _endpoint(place)),
        ("Momento's HTTP endpoint", lambda: http_check.ask(place.http_endpoint, names.cache, api_key)),
    )
    for title, look in looks:
        try:
            good, said = look()
        except Exception as error:
            if not is_told(error):
                raise
            good, said = False, explain(error)
        yield Finding(title, good, said)


def _permissions(aws: Clients, names: StackNames, place: Place) -> tuple[bool | None, str]:
    """Whether the caller's own policies allow what `up` and `down` do. What narrows them besides is not seen."""
    caller = aws.sts.get_caller_identity()["Arn"]
    if caller.endswith(":root"):
        return True, "these are the account's root credentials, which may do everything; a role of its own is safer"
    wanted = policies.provisioner(names, place)
    denied: list[str] = []
    for statement in wanted["Statement"]:
        for start in range(0, len(statement["Action"]), _ACTIONS_AT_ONCE):
            try:
                answer = aws.iam.simulate_principal_policy(
                    PolicySourceArn=_principal(caller),
                    ActionNames=statement["Action"][start : start + _ACTIONS_AT_ONCE],
                    ResourceArns=[arn for arn in statement["Resource"] if "?" not in arn and "*" not in arn] or ["*"],
                )
            except ClientError as error:
                if is_denied(error):
                    return None, "these credentials may not ask (iam:SimulatePrincipalPolicy)"
                raise
            denied += [
                each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"
            ]
    if denied:
        return (
            False,
            f"not allowed: {', '.join(sorted(set(denied)))}. `python -m provision policy` prints what is needed",
        )
    return True, "all that `up` and `down` need is allowed"


def _principal(caller: str) -> str:
    """The role behind a session: policies are the role's."""
    found = re.fullmatch(r"arn:(aws[a-z-]*):sts::(\d+):assumed-role/([^/]+)/.*", caller)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else caller


def _quotas(aws: Clients, names: StackNames) -> tuple[bool | None, str]:
    try:
        found = list(quotas.rooms(aws, names))
    except ClientError as error:
        if is_denied(error):
            return None, f"these credentials may not count what there is ({error.operation_name})"
        raise
    if full := [each for each in found if not each.enough]:
        listed = ", ".join(map(str, full))
        return False, f"with the stack {listed}. Ask for more in AWS Service Quotas, or remove what is not needed"
    return True, f"with the stack {', '.join(map(str, found))}"


def _cache(caches: Caches, names: StackNames) -> tuple[bool | None, str]:
    known = caches.list_caches()
    if names.cache in known:
        return True, f"the key is taken, and cache {names.cache} is there"
    if len(known) >= _CACHES:
        return None, f"the account has {len(known)} caches; one on demand may have {_CACHES}, and `up` makes another"
    return True, f"the key is taken; `up` will make cache {names.cache}"


def _endpoint(place: Place) -> tuple[bool | None, str]:
    """Whether the pipes' calls are encrypted and stay in their region."""
    endpoint = place.http_endpoint
    local = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])[:/]", f"{endpoint}/")
    if not (endpoint.startswith("https://") or local):
        return False, f"{endpoint} is not https, which API destinations need"
    region = _REGION.search(endpoint)
    if region and region[0] != place.region:
        return None, f"{endpoint} is in {region[0]} and the stack in {place.region}: each call crosses regions"
    return True, endpoint
