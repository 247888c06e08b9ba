"""The values and operators of an event pattern's arrays: what one leaf field may be.

Words of the refusals are those of EventBridge's rule engine (facts/aws-pipes.md, section 4).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Operator words of EventBridge. A `$or` whose branches use them is an ordinary field.
OPERATORS = frozenset(
    {"exists", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "wildcard", "cidr"}
)

#: Whether one scalar of the record is accepted.
Test = Callable[[Any], bool]

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidPattern(Exception):
    """Raised when a pattern is refused. Its text is what AWS answers."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"Invalid Event Pattern. Reason: {reason}" if reason else "Invalid Event Pattern")


@dataclass(frozen=True)
class Leaf:
    """One field of a pattern. A number is kept as a float and apart from true and false."""

    strings: frozenset[str]
    numbers: frozenset[float]
    constants: tuple[Any, ...]
    tests: tuple[Test, ...]
    accepts_absence: bool

    @property
    def is_empty(self) -> bool:
        """Whether no value at all is accepted, only absence."""
        return not (self.strings or self.numbers or self.constants or self.tests)

    def matches(self, value: Any) -> bool:
        """Whether a scalar is accepted; of an array, whether one of its elements is. An object is no leaf."""
        if isinstance(value, str):
            return value in self.strings or any(test(value) for test in self.tests)
        if isinstance(value, list):
            return any(self.matches(element) for element in value)
        if isinstance(value, dict):
            return False
        if value is None or isinstance(value, bool):
            return any(value is constant for constant in self.constants) or any(t(value) for t in self.tests)
        return float(value) in self.numbers or any(test(value) for test in self.tests)


def compile_leaf(values: list[Any]) -> Leaf:
    """Compile the array of one field. Raises InvalidPattern."""
    if not values:
        raise InvalidPattern("Empty arrays are not allowed")
    strings: set[str] = set()
    numbers: set[float] = set()
    constants: list[Any] = []
    tests: list[Test] = []
    accepts_absence = False
    for value in values:
        if isinstance(value, str):
            strings.add(value)
        elif value is None or isinstance(value, bool):
            constants.append(value)
        elif isinstance(value, int | float):
            numbers.add(_float(value))
        elif not isinstance(value, dict):
            raise InvalidPattern("Match value must be String, number, true, false, or null")
        elif value == {"exists": False}:
            accepts_absence = True
        else:
            tests.append(_operator(value))
    return Leaf(frozenset(strings), frozenset(numbers), tuple(constants), tuple(tests), accepts_absence)


def _operator(expression: dict[str, Any]) -> Test:
    if len(expression) != 1:
        raise InvalidPattern("Only one key allowed in match expression")
    ((name, argument),) = expression.items()
    if name in ("wildcard", "cidr"):
        raise InvalidPattern(f"Match type {name} is not supported by EventBridge Pipes")
    if name not in _COMPILERS:
        raise InvalidPattern(f"Unrecognized match type {name}")
    return _COMPILERS[name](argument)


def _exists(argument: Any) -> Test:
    if argument is not True:
        raise InvalidPattern("exists match pattern must be either true or false.")
    return lambda _: True


def _affix(name: str, argument: Any) -> Test:
    ignore_case = isinstance(argument, dict) and argument.keys() == {"equals-ignore-case"}
    wanted = argument["equals-ignore-case"] if ignore_case else argument
    if not isinstance(wanted, str):
        raise InvalidPattern(f"{name} match pattern must be a string")
    ends = str.startswith if name == "prefix" else str.endswith
    if ignore_case:
        folded = wanted.lower()
        return lambda value: isinstance(value, str) and ends(value.lower(), folded)
    return lambda value: isinstance(value, str) and ends(value, wanted)


def _equals_ignore_case(argument: Any) -> Test:
    if not isinstance(argument, str):
        raise InvalidPattern("equals-ignore-case match pattern must be a string")
    folded = argument.lower()
    return lambda value: isinstance(value, str) and value.lower() == folded


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, dict):
        raise InvalidPattern("anything-but with a further operator is not supported by EventBridge Pipes")
    refused = argument if isinstance(argument, list) else [argument]
    if not refused:
        raise InvalidPattern("Empty arrays are not allowed")
    if all(isinstance(value, str) for value in refused):
        strings = frozenset(refused)
        return lambda value: not isinstance(value, str) or value not in strings
    if all(_is_number(value) for value in refused):
        numbers = frozenset(_float(value) for value in refused)
        return lambda value: not _is_number(value) or float(value) not in numbers
    raise InvalidPattern("Value of anything-but must be an array or single string/number value.")


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise InvalidPattern("Value of numeric must be an array.")
    if len(argument) not in (2, 4):
        raise InvalidPattern("Invalid member in numeric match: numeric takes one or two comparisons")
    comparisons = [_comparison(sign, bound) for sign, bound in zip(argument[::2], argument[1::2], strict=True)]
    if len(comparisons) == 1:
        compare, limit = comparisons[0]
        return lambda value: _is_number(value) and compare(value, limit)
    if argument[0] not in (">", ">="):
        raise InvalidPattern(f"Bad numeric range operator: {argument[0]}")
    if argument[2] not in ("<", "<="):
        raise InvalidPattern(f"Bad numeric range operator: {argument[2]}")
    (above, low), (below, high) = comparisons
    if low >= high:
        raise InvalidPattern("Bottom must be less than top")
    return lambda value: _is_number(value) and above(value, low) and below(value, high)


def _comparison(sign: Any, bound: Any) -> tuple[Callable[[float, float], bool], float]:
    if not isinstance(sign, str) or sign not in _COMPARISONS:
        raise InvalidPattern(f"Unrecognized numeric range operator: {sign}")
    if not _is_number(bound):
        raise InvalidPattern(f"Value of {sign} must be numeric")
    return _COMPARISONS[sign], _float(bound)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise InvalidPattern("A number is too large") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COMPILERS: dict[str, Callable[[Any], Test]] = {
    "exists": _exists,
    "prefix": lambda argument: _affix("prefix", argument),
    "suffix": lambda argument: _affix("suffix", argument),
    "equals-ignore-case": _equals_ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
}
