"""The order of steps, what a failure leaves, and how Ctrl-C ends a run: on a kind of resource that lives in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from provision.errors import NotYet
from provision.executor import Event, Executor, Outcome, Phase
from provision.model import Declared, Observed, Ref
from provision.planner import plan


class InMemory:
    """Resources in a dict. `hold` are names whose creation waits for `release`; `broken` ones fail."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.begun: list[str] = []
        self.hold: frozenset[str] = frozenset()
        self.broken: frozenset[str] = frozenset()
        self.early: dict[str, int] = {}
        self.release = threading.Event()
        self.all_held = threading.Event()

    def observe(self, resource: Declared) -> Observed | None:
        found = self.there.get(resource.name)
        return None if found is None else Observed(found, {"arn": f"arn:{resource.name}"})

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        self.begun.append(name)
        if self.early.get(name, 0) > 0:
            self.early[name] -= 1
            raise NotYet("The role is not known yet.")
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")
        if name in self.hold:
            if self.hold <= set(self.begun):
                self.all_held.set()
            assert self.release.wait(20)
        self.there[name] = dict(wanted)

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        self.there[name] = {**self.there[name], **{key: wanted[key] for key in changed}}

    def delete(self, name: str) -> None:
        self.there.pop(name, None)


BASE = Declared("base", "thing", "base", {"Size": 1})
LEFT = Declared("left", "thing", "left", {"Of": Ref("base", "arn")})
RIGHT = Declared("right", "thing", "right", {"Of": Ref("base", "arn")})
TOP = Declared("top", "thing", "top", {"Of": [Ref("left", "arn"), Ref("right", "arn")]})
STACK = (TOP, RIGHT, LEFT, BASE)


def run(kind: InMemory, events: list[Event] | None = None, stop: threading.Event | None = None) -> Outcome:
    told = events if events is not None else []
    return Executor(STACK, {"thing": kind}, told.append, stop, patience_s=20).run(plan(STACK, {}), {})


def test_each_waits_for_what_it_needs_and_gets_its_output() -> None:
    kind = InMemory()

    outcome = run(kind)

    assert outcome.complete
    assert kind.begun[0] == "base"
    assert kind.begun[-1] == "top"
    assert kind.there["top"] == {"Of": ["arn:left", "arn:right"]}
    assert outcome.outputs["top"] == {"arn": "arn:top"}


def test_independent_ones_are_under_way_at_the_same_time() -> None:
    kind = InMemory()
    kind.hold = frozenset({"left", "right"})
    runner = threading.Thread(target=run, args=(kind,))
    runner.start()

    both = kind.all_held.wait(20)
    kind.release.set()
    runner.join(20)

    assert both
    assert set(kind.there) == {"base", "left", "right", "top"}


def test_a_failure_leaves_what_needs_it_and_the_others_go_on() -> None:
    kind = InMemory()
    kind.broken = frozenset({"left"})
    events: list[Event] = []

    outcome = run(kind, events)

    assert set(outcome.done) == {"base", "right"}
    assert str(outcome.failed["left"]) == "left is broken"
    assert outcome.left == ("top",)
    assert [event.step.address for event in events if event.phase is Phase.FAILED] == ["left"]


def test_what_is_not_possible_yet_is_tried_again() -> None:
    kind = InMemory()
    kind.early = {"base": 1}

    assert run(kind).complete
    assert kind.begun.count("base") == 2


def test_after_a_stop_the_call_in_hand_is_finished_and_no_other_begun() -> None:
    kind = InMemory()
    kind.hold = frozenset({"left", "right"})
    stop = threading.Event()
    outcomes: list[Outcome] = []
    runner = threading.Thread(target=lambda: outcomes.append(run(kind, stop=stop)))
    runner.start()
    assert kind.all_held.wait(20)

    stop.set()
    kind.release.set()
    runner.join(20)

    (outcome,) = outcomes
    assert set(outcome.done) == {"base", "left", "right"}
    assert (outcome.left, outcome.failed) == (("top",), {})


def test_ctrl_c_ends_the_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = InMemory()
    kind.hold = frozenset({"base"})

    def pressed(event: Event) -> None:
        """The first word about a step is where the person presses Ctrl-C: in the wait that follows."""
        import provision.executor as executor

        real = executor.wait

        def interrupted(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(executor, "wait", real)
            kind.release.set()
            raise KeyboardInterrupt

        monkeypatch.setattr(executor, "wait", interrupted)

    outcome = Executor(STACK, {"thing": kind}, _once(pressed), patience_s=20).run(plan(STACK, {}), {})

    assert outcome.done == ("base",)
    assert set(outcome.left) == {"left", "right", "top"}


def _once(tell: Any) -> Any:
    told: list[Event] = []

    def first(event: Event) -> None:
        if not told:
            tell(event)
        told.append(event)

    return first


def test_an_attribute_that_does_not_stick_is_named() -> None:
    class Stubborn(InMemory):
        def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
            pass

        def create(self, name: str, wanted: Mapping[str, Any]) -> None:
            self.there[name] = {"Size": 2}

    executor = Executor((BASE,), {"thing": Stubborn()}, lambda event: None, patience_s=0.1)
    outcome = executor.run(plan((BASE,), {}), {})

    assert "still differs in Size" in str(outcome.failed["base"])
