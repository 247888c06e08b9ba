"""Taking the steps of a plan: each as soon as those before it are done, independent ones at the same time.

No state is kept anywhere but in AWS: whatever call a kill follows, the next plan sees what is there and goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from provision.errors import Interrupted, NotYet, ProvisionFailed, is_busy, is_missing, is_there_already, passes
from provision.kinds.kind import Kind
from provision.kinds.registry import Kinds
from provision.model import Action, Change, Declared, Observed, Owner, Plan, Step, Unknown
from provision.observation import WORKERS, Seen
from provision.planner import differences, resolved
from provision.secret_text import SecretText

#: How long one resource may take until it is usable, in seconds. A pipe takes a minute or two; one that fails because
#: its role is not known everywhere yet is deleted and made again, and takes as long each time.
PATIENCE_S = 900.0
#: Within so many seconds what was created is known to all of AWS, or nearly always so.
_KNOWN_WITHIN_S = 30.0
#: Seconds between two words about what is still under way.
_WORD_EVERY_S = 10.0


class Phase(Enum):
    """What is told of a step."""

    STARTED = "started"
    GOING_ON = "going on"
    DONE = "done"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True)
class Event:
    """One word about a step, after `elapsed_s` seconds; `error` is there when it failed."""

    step: Step
    phase: Phase
    elapsed_s: float = 0.0
    error: BaseException | None = None


#: Told in the thread that runs the plan.
OnEvent: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a plan: which addresses are done, which failed and why, and which were not finished.

    `outputs` are those of all resources that are there, by address.
    """

    done: tuple[str, ...]
    failed: Mapping[str, BaseException]
    left: tuple[str, ...]
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all was done."""
        return not self.failed and not self.left


class Executor:
    """Runs plans for one stack. `stop` may be set by anyone: the calls in hand are finished, and no others begun."""

    def __init__(
        self,
        declared: Sequence[Declared],
        kinds: Kinds,
        on_event: OnEvent,
        stop: threading.Event | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._resources = {resource.address: resource for resource in declared}
        self._kinds = kinds
        self._on_event = on_event
        self._stop = stop or threading.Event()
        self._patience_s = patience_s

    def run(self, plan: Plan, seen: Seen) -> Outcome:
        """Takes all steps. Does not raise for a step that fails: those that need it are left, the others go on.

        Ctrl-C ends it after the calls in hand.
        """
        outputs = {address: found.outputs for address, found in seen.items() if found is not None}
        open_steps = {step.address: step for step in plan.steps if step.action is not Action.KEEP}
        done: list[str] = []
        failed: dict[str, BaseException] = {}
        running: dict[Future[Observed | None], tuple[Step, float]] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            while True:
                for step in self._ready(open_steps, running):
                    wanted = resolved(self._resources[step.address].attributes, outputs)
                    self._on_event(Event(step, Phase.STARTED))
                    running[pool.submit(self._take, step, wanted)] = (step, time.monotonic())
                if not running:
                    break
                for future in self._finished(running):
                    step, began = running.pop(future)
                    error = future.exception()
                    if error is None:
                        found = future.result()
                        if found is not None:
                            outputs[step.address] = found.outputs
                        done.append(step.address)
                        del open_steps[step.address]
                    elif not isinstance(error, Interrupted):
                        failed[step.address] = error
                        self._give_up(step.address, open_steps)
                    else:
                        self._give_up(step.address, open_steps)
                    self._on_event(Event(step, _phase(error), time.monotonic() - began, error))
        finished = {*done, *failed}
        left = tuple(s.address for s in plan.steps if s.action is not Action.KEEP and s.address not in finished)
        return Outcome(tuple(done), failed, left, outputs)

    def _ready(self, open_steps: Mapping[str, Step], running: Mapping[Any, tuple[Step, float]]) -> list[Step]:
        """The steps that can be begun: nothing before them is open."""
        if self._stop.is_set():
            return []
        begun = {step.address for step, _ in running.values()}
        return [
            step
            for step in open_steps.values()
            if step.address not in begun and not any(address in open_steps for address in step.after)
        ]

    def _finished(self, running: Mapping[Future[Observed | None], tuple[Step, float]]) -> set[Future[Observed | None]]:
        """The steps that are finished, at least one; Ctrl-C meanwhile lets no others begin."""
        while True:
            try:
                finished, _ = wait(running, timeout=_WORD_EVERY_S, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                self._stop.set()
                continue
            if finished:
                return finished
            for step, began in running.values():
                self._on_event(Event(step, Phase.GOING_ON, time.monotonic() - began))

    def _give_up(self, address: str, open_steps: dict[str, Step]) -> None:
        """Takes a step out, and with it all that wait for it."""
        open_steps.pop(address, None)
        for other in [step.address for step in open_steps.values() if address in step.after]:
            self._give_up(other, open_steps)

    def _take(self, step: Step, wanted: Mapping[str, Any]) -> Observed | None:
        """Does one step; returns the resource once it is usable, or None once it is gone."""
        resource = self._resources[step.address]
        kind = self._kinds[resource.kind]
        deadline = time.monotonic() + self._patience_s
        if step.action is Action.DELETE:
            self._remove(kind, resource, deadline)
            return None
        if unknown := [name for name, value in wanted.items() if _is_unknown(value)]:
            raise ProvisionFailed(
                f"{resource.kind} {resource.name} needs {', '.join(unknown)}, which nothing gives yet."
            )
        if step.action is Action.REPLACE:
            self._remove(kind, resource, deadline)
        if step.action in (Action.CREATE, Action.REPLACE):
            self._create(kind, resource, wanted, deadline)
        return self._brought_to(kind, resource, wanted, deadline, created=step.action is not Action.CHANGE)

    def _create(self, kind: Kind, resource: Declared, wanted: Mapping[str, Any], deadline: float) -> None:
        try:
            self._patiently(lambda: kind.create(resource.name, wanted), deadline, _not_known_yet())
        except ClientError as error:
            found = kind.observe(resource) if is_there_already(error) else None
            # A creation that timed out and was sent again finds what the first one made.
            if found is None or found.owner is Owner.SOMEBODY:
                raise

    def _brought_to(
        self, kind: Kind, resource: Declared, wanted: Mapping[str, Any], deadline: float, *, created: bool
    ) -> Observed:
        """The resource once it is usable and has the attributes. Raises ProvisionFailed when it does not get there."""
        # A secret text that was given is believed: not every one can be read back.
        written = _secret_parts(wanted) if created else frozenset()
        given: list[Change] = []
        pause = 0.25
        while True:
            found: Observed = self._until(lambda: _usable(kind.observe(resource)), resource, "usable", deadline)
            if found.trouble:
                if not found.retry or time.monotonic() > deadline:
                    raise ProvisionFailed(f"{resource.kind} {resource.name} is {found.trouble}")
                self._remove(kind, resource, deadline)
                self._pause(2.0)
                self._create(kind, resource, wanted, deadline)
                continue
            changes = [c for c in differences(found.attributes, wanted) if c.path not in written]
            if not changes:
                return found
            if changes == given:
                # What was set is seen late: tags within seconds, attributes of a queue within a minute.
                if time.monotonic() > deadline:
                    paths = ", ".join(change.path for change in changes)
                    raise ProvisionFailed(f"{resource.kind} {resource.name} was changed and still differs in {paths}.")
                self._pause(pause)
                pause = min(pause * 2, 10.0)
            given = changes
            parts = frozenset(change.path.split(".")[0] for change in changes)
            self._patiently(partial(kind.update, resource.name, wanted, parts), deadline, is_busy)
            written |= _secret_parts(wanted) & parts

    def _remove(self, kind: Kind, resource: Declared, deadline: float) -> None:
        self._patiently(lambda: kind.delete(resource.name), deadline, is_busy)
        self._until(lambda: kind.observe(resource) is None or None, resource, "gone", deadline)

    def _patiently(
        self, act: Callable[[], None], deadline: float, may_work_soon: Callable[[ClientError], bool]
    ) -> None:
        """Does it, again and again while AWS says that it may work in a moment."""
        pause = 0.5
        while True:
            try:
                act()
                return
            except NotYet:
                if time.monotonic() > deadline:
                    raise
            except ClientError as error:
                if not may_work_soon(error) or time.monotonic() > deadline:
                    raise
            self._pause(pause)
            pause = min(pause * 2, 10.0)

    def _until(self, look: Callable[[], Any], resource: Declared, what: str, deadline: float) -> Any:
        """What `look` gives once it gives something. Raises ProvisionFailed when it is too late."""
        pause = 0.05
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise ProvisionFailed(
                    f"{resource.kind} {resource.name} was not {what} within {self._patience_s:.0f} s. "
                    "Run this again: it goes on from here."
                )
            self._pause(pause)
            pause = min(pause * 1.7, 5.0)
        return found

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Interrupted("Stopped before it was finished.")


def _not_known_yet() -> Callable[[ClientError], bool]:
    """Says of an error of a creation whether it may pass: what the new one refers to may be as new, and not be seen."""
    until = time.monotonic() + _KNOWN_WITHIN_S
    return lambda error: passes(error) or (is_missing(error) and time.monotonic() < until)


def _usable(found: Observed | None) -> Observed | None:
    return None if found is None or found.passing else found


def _phase(error: BaseException | None) -> Phase:
    if error is None:
        return Phase.DONE
    return Phase.LEFT if isinstance(error, Interrupted) else Phase.FAILED


def _secret_parts(wanted: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, value in wanted.items() if isinstance(value, SecretText))


def _is_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_unknown(part) for part in value.values())
    if isinstance(value, list):
        return any(_is_unknown(part) for part in value)
    return isinstance(value, Unknown)
