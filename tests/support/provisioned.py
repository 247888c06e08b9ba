"""A stack of one's own in a running sandbox, under a prefix, for tests that take it apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from core.names import StackNames
from provision.clients import Clients
from provision.executor import Event, Executor, Outcome
from provision.kinds.registry import Kinds, kinds
from provision.model import Declared, Plan
from provision.observation import Seen, observe, observe_settled
from provision.planner import plan, plan_removal
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, StackSettings
from provision.stack import CACHE, Place, declared, optional
from sandbox.provisioning import _caches, session
from sandbox.state import SandboxState


class Killed(BaseException):
    """Raised in place of every call after the one at which the process is to be dead."""


@dataclass
class Calls:
    """What was called, in order; after `last` calls that change something, the process is as good as dead."""

    last: int | None = None
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        with self.lock:
            if self.last is not None and len(self.changes) >= self.last:
                raise Killed
            self.made.append((f"{model.service_model.service_name}.{model.name}", dict(params)))

    @property
    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls that change something."""
        return [call for call in self.made if not call[0].partition(".")[2].startswith(("Describe", "Get", "List"))]


@dataclass
class Stack:
    """One stack and what is done with it."""

    names: StackNames
    aws: Clients
    declared: tuple[Declared, ...]
    retired: tuple[Declared, ...]
    kinds: Kinds
    calls: Calls
    events: list[Event] = field(default_factory=list)

    @property
    def all(self) -> tuple[Declared, ...]:
        return (*self.declared, *self.retired)

    def seen(self, *, adopt: bool = False) -> dict[str, Any]:
        return observe(self.all, self.kinds, adopt=adopt)

    def plan(self, *, adopt: bool = False) -> Plan:
        return plan(self.declared, self.seen(adopt=adopt), self.retired)

    def up(self, *, adopt: bool = False) -> Outcome:
        seen: Seen = observe_settled(self.all, self.kinds, lambda *_: None, adopt=adopt)
        return self.run(plan(self.declared, seen, self.retired), seen)

    def down(self) -> Outcome:
        seen: Seen = observe_settled(self.all, self.kinds, lambda *_: None)
        return self.run(plan_removal(self.all, seen, frozenset({CACHE})), seen)

    def run(self, planned: Plan, seen: Seen) -> Outcome:
        return Executor(self.all, self.kinds, self.events.append, patience_s=30).run(planned, seen)


@contextmanager
def stack(
    state: SandboxState,
    prefix: str,
    settings: StackSettings = ORIGINAL,
    api_key: str = "",
    calls: Calls | None = None,
) -> Iterator[Stack]:
    """A stack in this sandbox; `calls` sees each call, and may end it."""
    names = StackNames(prefix)
    place = Place(state.region, state.account_id, state.momento_http_endpoint)
    watched = session(state)
    seen_calls = calls or Calls()
    watched.events.register("before-parameter-build.*.*", seen_calls.before)
    aws = Clients(watched, state.aws_endpoint)
    with _caches(state) as caches:
        resources = declared(names, settings, place, SecretText(api_key or state.momento_api_key))
        retired = optional(names, settings, place, SecretText(state.momento_api_key))
        at_work = kinds(aws, caches, names, state.account_id)
        yield Stack(names, aws, resources, retired, at_work, seen_calls)
