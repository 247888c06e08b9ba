"""Event patterns: which records a pipe takes.

Semantics of EventBridge's rule engine for the operators that Pipes supports (facts/aws-pipes.md, section 4).
A pattern is compiled once into rules without `$or`, one of which must match. A rule asks for leaf values by
their path; names with dots and nesting are the same, and what lies in arrays must lie in the same elements.
Operators that Pipes does not list as supported are refused, so that no pipe comes to rely on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.pipes.syntax.filter_operators import RESERVED, InvalidPattern, Leaf, compile_leaf
from sandbox.pipes.syntax.json_paths import parse_pairs

__all__ = ["FilterSet", "InvalidPattern", "Pattern", "compile_filters", "compile_pattern"]

#: Combinations that EventBridge lets all $or of a pattern make.
_MOST_COMBINATIONS = 1000

#: The arrays that a value lies in, by identity, with the index of the element.
Membership = dict[int, int]


@dataclass(frozen=True)
class Field:
    """A leaf that a rule asks for.

    `steps` has for each position of its path the names that may stand there in an event, one with dots
    included, and the position behind each.
    """

    steps: tuple[tuple[tuple[str, int], ...], ...]
    leaf: Leaf

    def values(self, event: Any) -> Iterator[tuple[Any, Membership]]:
        """The leaf values at the path, each with the arrays that it lies in."""
        return _values(event, self.steps, 0, {})


@dataclass(frozen=True)
class Rule:
    """Fields that must all match, in the order of their paths."""

    fields: tuple[Field, ...]

    def matches(self, event: Any) -> bool:
        """Whether all fields match."""
        return self._rest_matches(event, 0, {})

    def _rest_matches(self, event: Any, position: int, membership: Membership) -> bool:
        if position == len(self.fields):
            return True
        field = self.fields[position]
        is_absent = True
        for value, inside in field.values(event):
            if not _consistent(membership, inside):
                continue
            is_absent = False
            if field.leaf.matches(value) and self._rest_matches(event, position + 1, {**membership, **inside}):
                return True
        return is_absent and field.leaf.accepts_absence and self._rest_matches(event, position + 1, membership)


@dataclass(frozen=True)
class Pattern:
    """Alternatives: one of its rules must match."""

    rules: tuple[Rule, ...]

    def matches(self, event: Any) -> bool:
        """Whether the event, a JSON object, is what the pattern describes."""
        return any(rule.matches(event) for rule in self.rules)


@dataclass(frozen=True)
class FilterSet:
    """The filters of a pipe: a record is taken when one of them matches, or when there are none."""

    patterns: tuple[Pattern, ...]

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the pipe takes this record."""
        if not self.patterns:
            return True
        return any(pattern.matches(record) for pattern in self.patterns)


def compile_filters(texts: Iterable[str]) -> FilterSet:
    """Compile a pipe's patterns. Raises InvalidPattern in AWS's words."""
    return FilterSet(tuple(compile_pattern(text) for text in texts))


def compile_pattern(text: str) -> Pattern:
    """Compile one pattern. Raises InvalidPattern in AWS's words."""
    try:
        pattern = parse_pairs(text)
    except ValueError as error:
        raise InvalidPattern from error
    if not isinstance(pattern, tuple):
        raise InvalidPattern("Filter is not an object")
    return Pattern(tuple(_rule(leaves) for leaves in _expand([{}], "", pattern)))


def _expand(rules: list[dict[str, Leaf]], prefix: str, pattern: tuple[tuple[str, Any], ...]) -> list[dict[str, Leaf]]:
    """`rules` with what an object asks for under `prefix`. Of one path the last leaf counts, as it does on AWS."""
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed")
    for name, value in pattern:
        if name == "$or" and _is_alternatives(value):
            rules = [rule for branch in value for rule in _expand([dict(rule) for rule in rules], prefix, branch)]
            if len(rules) > _MOST_COMBINATIONS:
                raise InvalidPattern(f"$or makes more than {_MOST_COMBINATIONS} combinations")
        elif isinstance(value, tuple):
            rules = _expand(rules, f"{prefix}{name}.", value)
        elif isinstance(value, list):
            leaf = compile_leaf(value)
            for rule in rules:
                rule[prefix + name] = leaf
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')
    return rules


def _is_alternatives(value: Any) -> bool:
    """Whether `$or` is the operator here, and not a field of that name."""
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(branch, tuple) and not RESERVED & {name for name, _ in branch} for branch in value)
    )


def _rule(leaves: dict[str, Leaf]) -> Rule:
    return Rule(tuple(Field(_steps(path.split(".")), leaves[path]) for path in sorted(leaves)))


def _steps(names: list[str]) -> tuple[tuple[tuple[str, int], ...], ...]:
    ends = range(len(names) + 1)
    return tuple(tuple((".".join(names[at:end]), end) for end in ends[at + 1 :]) for at in range(len(names)))


def _values(
    value: Any, steps: tuple[tuple[tuple[str, int], ...], ...], position: int, inside: Membership
) -> Iterator[tuple[Any, Membership]]:
    if isinstance(value, list):
        for index, element in enumerate(value):
            # A scalar does not bind its array: another element may answer another question.
            bound = {**inside, id(value): index} if isinstance(element, dict | list) else inside
            yield from _values(element, steps, position, bound)
    elif position == len(steps):
        if not isinstance(value, dict):
            yield value, inside
    elif isinstance(value, dict):
        for name, end in steps[position]:
            if name in value:
                yield from _values(value[name], steps, end, inside)


def _consistent(one: Membership, other: Membership) -> bool:
    """Whether no array is in both with different elements."""
    return all(one.get(array, index) == index for array, index in other.items())
