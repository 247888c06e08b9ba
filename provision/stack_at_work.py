"""The stack that the options name, on the configured target, with what it takes to look at it and to change it."""

from __future__ import annotations

import argparse
import secrets
from dataclasses import dataclass, fields, replace

from core import aws
from core.config import AwsAccess, Config, Target
from core.errors import DashboardError
from core.momento_client import MomentoCache
from core.momento_keys import MomentoAddress
from core.names import StackNames
from core.sandbox_process import SandboxProcess
from provision import plan_file
from provision.clients import Clients
from provision.errors import ProvisionFailed
from provision.kinds.registry import Kinds, kinds
from provision.model import Declared, Plan
from provision.observation import Seen, observe, observe_settled
from provision.planner import plan
from provision.secret_text import SecretText
from provision.settings import Profile, StackSettings
from provision.stack import Place, declared, optional


@dataclass(frozen=True)
class Stack:
    """One stack in one place, with what it takes to look at it and to change it."""

    names: StackNames
    settings: StackSettings
    place: Place
    declared: tuple[Declared, ...]
    retired: tuple[Declared, ...]
    kinds: Kinds
    clients: Clients
    cache: MomentoCache
    api_key: SecretText

    def plan(self, *, adopt: bool, wait: bool) -> tuple[Plan, Seen]:
        """What is to be done, and what is there; with `wait` only once nothing is on its way to another state."""
        seen = self.look_settled(adopt=adopt) if wait else self.look(adopt=adopt)
        return plan(self.declared, seen, self.retired), seen

    def look(self, *, adopt: bool = False) -> Seen:
        """What is there."""
        return observe(self.all, self.kinds, adopt=adopt, unneeded=self.unneeded)

    def look_settled(self, *, adopt: bool = False) -> Seen:
        """What is there, once nothing is on its way to another state."""
        return observe_settled(self.all, self.kinds, _waiting, adopt=adopt, unneeded=self.unneeded)

    @property
    def unneeded(self) -> frozenset[str]:
        """The addresses that nobody needs to see who uses no settings but these."""
        return frozenset(each.address for each in self.retired)

    @property
    def all(self) -> tuple[Declared, ...]:
        """What is declared, and what other settings may have left behind."""
        return (*self.declared, *self.retired)


class DoctorsCaches:
    """Momento's caches for the doctor, which knows no error of the dashboard's."""

    def __init__(self, cache: MomentoCache) -> None:
        self._cache = cache

    def list_caches(self) -> tuple[str, ...]:
        """The names of all caches. Raises ProvisionFailed."""
        try:
            return self._cache.list_caches()
        except DashboardError as error:
            raise ProvisionFailed(f"{error}") from error

    def create_cache(self, cache: str) -> object:
        """Creates one."""
        return self._cache.create_cache(cache)


def access_of(configuration: Config) -> tuple[AwsAccess, MomentoAddress, str]:
    """Access, address and key of the target. Raises DashboardError."""
    if configuration.aws is not None:
        return configuration.aws.aws, configuration.aws.momento, configuration.aws.momento_api_key
    info = SandboxProcess().ready()
    assert info.momento is not None, "a ready sandbox has its Momento port in the state file"
    return info.aws, info.momento, info.momento.token


def stack_of(
    options: argparse.Namespace,
    saved: plan_file.SavedPlan | None,
    target: Target,
    access: AwsAccess,
    momento: MomentoAddress,
    api_key: str,
    cache: MomentoCache,
) -> Stack:
    """The stack that the options, or else the `saved` plan, name; says which on standard output.

    Raises ProvisionFailed for a prefix or a setting that cannot be, and for a plan of another place.
    """
    clients = Clients(aws.session(access), access.endpoint_url or None)
    account = clients.sts.get_caller_identity()["Account"]
    profile = (
        Profile(options.profile)
        if options.profile
        else (Profile.PRODUCTION if target is Target.AWS else Profile.ORIGINAL)
    )
    chosen = {each.name: getattr(options, each.name) for each in fields(StackSettings)}
    try:
        names = StackNames(saved.prefix if saved else _prefix(options))
        settings = saved.settings if saved else StackSettings.of(profile, **chosen)
    except ValueError as error:
        raise ProvisionFailed(str(error)) from error
    if options.command == "verify":
        settings = replace(settings, protection=False)  # It is to be deleted again.
    place = Place(clients.region, account, momento.http_endpoint)
    if options.command != "policy" and not getattr(options, "json", False):
        print(f"Target {target.value}, account {account}, region {place.region}, stack {names.stack}", flush=True)
    if saved and (saved.region, saved.account) != (place.region, place.account):
        raise ProvisionFailed(f"The plan was made for account {saved.account} in {saved.region}. Make a new one here.")
    secret = SecretText(api_key)
    resources = declared(names, settings, place, secret)
    retired = optional(names, settings, place, secret)
    return Stack(
        names, settings, place, resources, retired, kinds(clients, cache, names, account), clients, cache, secret
    )


def _prefix(options: argparse.Namespace) -> str:
    """The prefix that was named; a verification without one gets one that nobody has."""
    if options.command == "verify" and not options.prefix:
        return f"verify-{secrets.token_hex(3)}"
    return options.prefix or ""


def _waiting(resource: Declared, state: str) -> None:
    print(f"      {resource.kind:16} {resource.name}  is {state}; waiting", flush=True)
