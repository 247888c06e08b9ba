"""Event patterns: which records a pipe takes.

Semantics of EventBridge's rule engine for the operators that Pipes supports (facts/aws-pipes.md, section 4).
A pattern is compiled once into a tree; matching walks tree and record together. Operators that Pipes does not
list as supported are refused, so that no pipe comes to rely on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.pipes.filter_operators import OPERATORS, InvalidPattern, Leaf, compile_leaf
from sandbox.pipes.json_paths import parse

__all__ = ["FilterSet", "InvalidPattern", "compile_filters", "compile_pattern"]

#: Combinations that EventBridge lets all $or of a pattern make.
_MOST_COMBINATIONS = 1000


@dataclass(frozen=True)
class Absence:
    """A path that must not lead to any leaf value. `keys` are the names on the way."""

    keys: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        """Whether nothing is at the end of the path."""
        return not _has_leaf(value, self.keys)


@dataclass
class Node:
    """One level of a pattern: all children, absences and alternatives must match the same object."""

    leaves: dict[str, Leaf] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    absences: list[Absence] = field(default_factory=list)
    alternatives: list[list[Node]] = field(default_factory=list)

    def matches(self, value: Any) -> bool:
        """Whether an object matches; of an array, whether one of its elements does."""
        if isinstance(value, list):
            return any(self.matches(element) for element in value)
        if not isinstance(value, dict):
            return False
        for key, leaf in self.leaves.items():
            if key not in value or not leaf.matches(value[key]):
                return False
        for key, child in self.children.items():
            if not _child_matches(child, value, key):
                return False
        for absence in self.absences:
            if not absence.holds(value):
                return False
        return all(any(node.matches(value) for node in nodes) for nodes in self.alternatives)


@dataclass(frozen=True)
class FilterSet:
    """The filters of a pipe: a record is taken when one of them matches, or when there are none."""

    patterns: tuple[Node, ...]

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the pipe takes this record."""
        if not self.patterns:
            return True
        return any(pattern.matches(record) for pattern in self.patterns)


def compile_filters(texts: Iterable[str]) -> FilterSet:
    """Compile a pipe's patterns. Raises InvalidPattern in AWS's words."""
    return FilterSet(tuple(compile_pattern(text) for text in texts))


def compile_pattern(text: str) -> Node:
    """Compile one pattern. Raises InvalidPattern in AWS's words."""
    try:
        pattern = parse(text)
    except ValueError as error:
        raise InvalidPattern from error
    if not isinstance(pattern, dict):
        raise InvalidPattern("Filter is not an object")
    if _combinations(pattern) > _MOST_COMBINATIONS:
        raise InvalidPattern(f"$or makes more than {_MOST_COMBINATIONS} combinations")
    return _compile_object(pattern)


def _combinations(pattern: dict[str, Any]) -> int:
    """How many patterns without $or say the same as this one."""
    count = 1
    for name, value in pattern.items():
        if isinstance(value, dict):
            count *= _combinations(value)
        elif name == "$or" and _is_alternatives(value):
            count *= sum(_combinations(branch) for branch in value)
    return count


def _compile_object(pattern: dict[str, Any]) -> Node:
    root = Node()
    _add_object(root, root, (), pattern)
    _prune(root)
    return root


def _prune(node: Node) -> None:
    """Take out nodes that ask for nothing: those on the way to an absence, which is kept elsewhere."""
    for key, child in list(node.children.items()):
        _prune(child)
        if not (child.leaves or child.children or child.absences or child.alternatives):
            del node.children[key]


def _add_object(anchor: Node, node: Node, path: tuple[str, ...], pattern: dict[str, Any]) -> None:
    """Add a pattern object to `node`, which lies at `path` under `anchor`, where absences are kept."""
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed")
    for name, value in pattern.items():
        if name == "$or" and _is_alternatives(value):
            node.alternatives.append([_compile_object(branch) for branch in value])
        elif isinstance(value, dict):
            inner, keys = _descend(node, name.split("."))
            _add_object(anchor, inner, (*path, *keys), value)
        elif isinstance(value, list):
            parent, keys = _descend(node, name.split(".")[:-1])
            _add_leaf(anchor, parent, (*path, *keys), name.rpartition(".")[2], value)
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')


def _descend(node: Node, keys: list[str]) -> tuple[Node, list[str]]:
    """The node under `keys`, made where it is missing. Dotted names and nesting are the same thing."""
    for key in keys:
        node = node.children.setdefault(key, Node())
    return node, keys


def _add_leaf(anchor: Node, parent: Node, path: tuple[str, ...], key: str, values: list[Any]) -> None:
    leaf = compile_leaf(values)
    absence = Absence((*path, key))
    if not leaf.accepts_absence:
        parent.leaves[key] = leaf
    elif leaf.is_empty:
        anchor.absences.append(absence)
    else:
        missing, present = Node(absences=[absence]), Node()
        holder, _ = _descend(present, list(path))
        holder.leaves[key] = leaf
        anchor.alternatives.append([missing, present])


def _is_alternatives(value: Any) -> bool:
    """Whether `$or` is the operator here, and not a field of that name."""
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(branch, dict) and branch and not OPERATORS & branch.keys() for branch in value)
    )


def _child_matches(child: Node, value: dict[str, Any], key: str) -> bool:
    if key in value and child.matches(value[key]):
        return True
    # A field whose own name has a dot matches the nested pattern too.
    prefix = key + "."
    return any(name.startswith(prefix) and child.matches({name[len(prefix) :]: inner}) for name, inner in value.items())


def _has_leaf(value: Any, keys: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return any(_has_leaf(element, keys) for element in value)
    if not keys:
        return not isinstance(value, dict)
    if not isinstance(value, dict):
        return False
    for length in range(1, len(keys) + 1):
        name = ".".join(keys[:length])
        if name in value and _has_leaf(value[name], keys[length:]):
            return True
    return False
