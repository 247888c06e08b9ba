"""Plans, progress and outcomes as lines of text, and as plain data for --json. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provision.advice import explain
from provision.executor import Event, Outcome, Phase
from provision.model import Action, Declared, Owner, Plan, Step
from provision.observation import UNSEEN, Seen

_VERBS = {
    Action.CREATE: "create",
    Action.CHANGE: "change",
    Action.REPLACE: "replace",
    Action.DELETE: "delete",
    Action.KEEP: "keep",
}


def plan_lines(plan: Plan) -> Iterator[str]:
    """A plan as people read it: a line for each step, and under it what differs."""
    for step in plan.steps:
        yield f"  {_step(step)}" + (f"  ({step.reason})" if step.reason else "")
        if step.action in (Action.CHANGE, Action.REPLACE):
            for change in step.changes:
                yield f"          {change.path}: {_or_none(change.old)} → {_or_none(change.new)}"
    yield summary(plan)


def summary(plan: Plan) -> str:
    """How many steps do what."""
    if plan.empty:
        return (
            "Nothing to do: everything is as declared."
            if plan.steps
            else "Nothing to do: nothing of this stack is there."
        )
    counts = [f"{plan.count(action)} to {verb}" for action, verb in _VERBS.items() if plan.count(action)]
    return f"Plan: {', '.join(counts)}."


def plan_data(plan: Plan) -> dict[str, Any]:
    """A plan as JSON has it. Secrets are in it as "(secret)"."""
    return {
        "blocked": list(plan.blocked),
        "steps": [
            {
                "action": _VERBS[step.action],
                "address": step.address,
                "kind": step.kind,
                "name": step.name,
                "reason": step.reason,
                "changes": [{"path": each.path, "old": each.old, "new": each.new} for each in step.changes],
            }
            for step in plan.steps
        ],
    }


def unseen(resources: Sequence[Declared], seen: Seen) -> Iterator[str]:
    """What cannot be told of the resources that other settings may have left behind: one sentence, or none."""
    hidden = [each for each in resources if (found := seen.get(each.address)) is not None and found.state == UNSEEN]
    if hidden:
        kinds = ", ".join(sorted({each.kind for each in hidden}))
        yield (
            f"These credentials may not see whether other settings left something of these kinds: {kinds}. "
            "If so, it stays. `python -m provision policy` prints the rights that are needed."
        )


def event_line(event: Event) -> str:
    """One word of progress."""
    words = {
        Phase.STARTED: "…",
        Phase.GOING_ON: f"still under way after {event.elapsed_s:.0f} s",
        Phase.DONE: f"done in {event.elapsed_s:.1f} s",
        Phase.LEFT: "stopped before it was finished",
    }
    said = words.get(event.phase) or f"failed: {explain(event.error) if event.error else ''}"
    return f"  {_step(event.step)}  {said}"


def outcome_lines(outcome: Outcome, plan: Plan) -> Iterator[str]:
    """What a run that did not get to its end left: what is done, what failed, and what is not done."""
    names = {step.address: f"{step.kind} {step.name}" for step in plan.steps}
    yield f"Done: {len(outcome.done)}. Failed: {len(outcome.failed)}. Not done: {len(outcome.left)}."
    for address, error in outcome.failed.items():
        yield f"  failed    {names[address]}: {explain(error)}"
    for address in outcome.left:
        yield f"  not done  {names[address]}"
    yield "Run the same command again: it sees what is there and goes on."


def states(declared: Sequence[Declared], seen: Seen) -> list[dict[str, str]]:
    """Kind, name and state of each resource."""
    return [
        {"kind": each.kind, "name": each.name, "state": _state(each, seen), "address": each.address}
        for each in declared
    ]


def state_lines(declared: Sequence[Declared], seen: Seen) -> Iterator[str]:
    """The same for people."""
    for row in states(declared, seen):
        yield f"{row['kind']:16} {row['name']:58} {row['state']}"


def outputs_data(declared: Sequence[Declared], outputs: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """For each resource that is there: its name and its outputs."""
    return {each.address: {"name": each.name, **outputs[each.address]} for each in declared if each.address in outputs}


def outputs_lines(declared: Sequence[Declared], outputs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The same for people."""
    for address, values in outputs_data(declared, outputs).items():
        for name, value in values.items():
            yield f"{address + '.' + name:36} {value}"


def _state(resource: Declared, seen: Seen) -> str:
    found = seen[resource.address]
    if found is None:
        return "missing"
    return f"{found.state} (somebody else's)" if found.owner is Owner.SOMEBODY else found.state


def _step(step: Step) -> str:
    return f"{step.action.value:>3} {step.kind:16} {step.name}"


def _or_none(text: str) -> str:
    return text or "(none)"
