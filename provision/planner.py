"""From what is to what should be: pure functions that only figure out which steps to take; the executor takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from provision.model import Action, Attributes, Change, Declared, Observed, Owner, Plan, Ref, Step, Unknown
from provision.secret_text import SecretText

_MADE_ANEW = (Action.CREATE, Action.REPLACE)


def plan(
    declared: Sequence[Declared], observed: Mapping[str, Observed | None], retired: Sequence[Declared] = ()
) -> Plan:
    """The steps that make the observed resources the declared ones. What is declared in no order is ordered here.

    What is there of the `retired` resources is deleted once nothing refers to it any more.

    A resource whose name somebody else's has blocks the plan. Raises ValueError when resources wait for each other, or
    refer to one that is not declared.
    """
    steps: dict[str, Step] = {}
    blocked: list[str] = []
    for resource in in_order(declared):
        found = observed.get(resource.address)
        if found is not None and found.owner is Owner.SOMEBODY:
            blocked.append(_taken(resource))
        step = _step(resource, found, steps, observed)
        steps[resource.address] = step
        if step.action is Action.REPLACE and resource.holds_data:
            blocked.append(_would_lose_data(resource, step))
    return Plan((*steps.values(), *_farewells(retired, steps, observed)), tuple(blocked))


def _farewells(
    retired: Sequence[Declared], steps: Mapping[str, Step], observed: Mapping[str, Observed | None]
) -> Iterator[Step]:
    for resource in retired:
        if _is_ours(observed.get(resource.address)):
            reason = "no longer declared"
            yield Step(Action.DELETE, resource.address, resource.kind, resource.name, reason=reason, after=tuple(steps))


def plan_removal(
    declared: Sequence[Declared], observed: Mapping[str, Observed | None], kept: frozenset[str] = frozenset()
) -> Plan:
    """The steps that delete what is there of a stack, those that others need last. `kept` addresses stay.

    What somebody else owns stays too, and blocks nothing: it is not part of the stack.
    """
    ordered = in_order(declared)
    needed_by: dict[str, list[str]] = {resource.address: [] for resource in ordered}
    for resource in ordered:
        for address in _needs(resource):
            needed_by[address].append(resource.address)
    there = {resource.address for resource in ordered if _is_ours(observed.get(resource.address))} - kept
    return Plan(
        tuple(
            Step(
                Action.DELETE,
                resource.address,
                resource.kind,
                resource.name,
                after=tuple(address for address in needed_by[resource.address] if address in there),
            )
            for resource in reversed(ordered)
            if resource.address in there
        )
    )


def in_order(declared: Sequence[Declared]) -> list[Declared]:
    """Each resource after those that it needs; otherwise in the order of declaration. Raises ValueError."""
    by_address = {resource.address: resource for resource in declared}
    if len(by_address) != len(declared):
        raise ValueError("Two resources have the same address.")
    graph = {resource.address: _needs(resource) for resource in declared}
    for address, needs in graph.items():
        for unknown in sorted(needs - graph.keys()):
            raise ValueError(f"{address} refers to {unknown}, which is not declared.")
    try:
        return [by_address[address] for address in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise ValueError(f"These resources wait for each other: {' -> '.join(error.args[1])}.") from error


def resolved(attributes: Attributes, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The attributes with each Ref replaced by the output that it names, or by Unknown where that is not there."""
    return {key: _resolve(value, outputs) for key, value in attributes.items()}


def differences(old: Attributes, new: Attributes) -> tuple[Change, ...]:
    """The attributes of `new` that `old` does not have the same, by dotted path; what only `old` has is not ours."""
    return tuple(_differences("", {key: old.get(key) for key in new}, new))


def _step(
    resource: Declared, found: Observed | None, before: Mapping[str, Step], observed: Mapping[str, Observed | None]
) -> Step:
    step = Step(Action.KEEP, resource.address, resource.kind, resource.name, after=tuple(sorted(_needs(resource))))
    known = {
        address: seen.outputs
        for address, seen in observed.items()
        if seen is not None and (address not in before or before[address].action not in _MADE_ANEW)
    }
    wanted = resolved(resource.attributes, known)
    if found is None:
        return replace(step, action=Action.CREATE, changes=tuple(_differences("", None, wanted)))
    changes = differences(found.attributes, wanted)
    if found.trouble:
        return replace(step, action=Action.REPLACE, changes=changes, reason=found.trouble)
    forcing = sorted({change.path for change in changes if _forces(change.path, resource.replaced_by)})
    if forcing:
        return replace(step, action=Action.REPLACE, changes=changes, reason=f"{_list(forcing)} cannot be changed")
    return replace(step, action=Action.CHANGE, changes=changes) if changes else step


def _needs(resource: Declared) -> set[str]:
    return {*resource.after, *(ref.address for ref in _refs(resource.attributes))}


def _refs(value: Any) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _refs(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _refs(part)


def _resolve(value: Any, outputs: Mapping[str, Mapping[str, str]]) -> Any:
    if isinstance(value, Ref):
        output = outputs.get(value.address, {}).get(value.name)
        return Unknown.AFTER_APPLY if output is None else output + value.suffix
    if isinstance(value, Mapping):
        return {key: _resolve(part, outputs) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(part, outputs) for part in value]
    return value


def _differences(path: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(new, Mapping) and (old is None or isinstance(old, Mapping)):
        before = old or {}
        for key in sorted({*before, *new}):
            yield from _differences(f"{path}.{key}" if path else key, before.get(key), new.get(key))
    elif old != new:
        yield Change(path, _shown(old), _shown(new))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Unknown):
        return value.value
    if isinstance(value, SecretText):
        return repr(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=_as_text)


def _as_text(value: object) -> str:
    return str(value.value) if isinstance(value, Unknown) else str(value)


def _forces(path: str, replaced_by: Iterable[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in replaced_by)


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is_ours(found: Observed | None) -> bool:
    return found is not None and found.owner is Owner.STACK


def _would_lose_data(resource: Declared, step: Step) -> str:
    return (
        f"{resource.kind} {resource.name} would have to be made anew ({step.reason}), and its data would be lost. "
        "Delete it yourself if that is meant, or choose another --prefix."
    )


def _taken(resource: Declared) -> str:
    mark = "tags" if "Tags" in resource.attributes else "description"
    return (
        f"{resource.kind} {resource.name} exists and does not carry the {mark} of this stack, so it is somebody "
        "else's. Choose another --prefix, or take it over with --adopt if it is yours."
    )
