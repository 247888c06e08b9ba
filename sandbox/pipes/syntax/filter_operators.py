"""The values and operators of an event pattern's arrays: what one leaf field may be.

Words of the refusals are those of EventBridge's rule engine (facts/aws-pipes.md, section 4).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.pipes.syntax.json_paths import compact

#: Words of EventBridge's engine. A `$or` whose branches use them as names is an ordinary field.
RESERVED = frozenset(
    {"exactly", "exists", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "wildcard", "cidr"}
    | {"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "in-date-range"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)

#: Numbers that EventBridge compares lie between these, inclusive.
_LIMIT = 5_000_000_000

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
    """What one field of a pattern accepts. Numbers are kept apart from true and false, which equal 1 and 0."""

    strings: frozenset[str]
    numbers: frozenset[int | float]
    constants: tuple[Any, ...]
    tests: tuple[Test, ...]
    accepts_absence: bool

    def matches(self, value: Any) -> bool:
        """Whether a scalar is accepted."""
        if isinstance(value, str):
            return value in self.strings or any(test(value) for test in self.tests)
        if value is None or isinstance(value, bool):
            return any(value is constant for constant in self.constants) or any(t(value) for t in self.tests)
        return value in self.numbers or any(test(value) for test in self.tests)


def compile_leaf(values: list[Any]) -> Leaf:
    """Compile the array of one field, its objects given as pairs. Raises InvalidPattern."""
    if not values:
        raise InvalidPattern("Empty arrays are not allowed")
    strings: set[str] = set()
    numbers: set[int | float] = set()
    constants: list[Any] = []
    tests: list[Test] = []
    accepts_absence = False
    for value in values:
        if isinstance(value, str):
            strings.add(value)
        elif value is None or isinstance(value, bool):
            constants.append(value)
        elif isinstance(value, int | float):
            numbers.add(value)
        elif not isinstance(value, tuple):
            raise InvalidPattern("Match value must be String, number, true, false, or null")
        elif value == (("exists", False),) and value[0][1] is False:  # 0 equals False, and is none
            accepts_absence = True
        else:
            tests.append(_operator(value))
    return Leaf(frozenset(strings), frozenset(numbers), tuple(constants), tuple(tests), accepts_absence)


def _operator(expression: tuple[tuple[str, Any], ...]) -> Test:
    if not expression:
        raise InvalidPattern("Match expression name not found")
    name, argument = expression[0]
    if name in ("wildcard", "cidr"):
        raise InvalidPattern(f"Match type {name} is not supported by EventBridge Pipes")
    if name not in _COMPILERS:
        raise InvalidPattern(f"Unrecognized match type {name}")
    test = _COMPILERS[name](argument)
    if len(expression) > 1:
        raise InvalidPattern("Only one key allowed in match expression")
    return test


def _exists(argument: Any) -> Test:
    if not isinstance(argument, bool):
        raise InvalidPattern("exists match pattern must be either true or false.")
    return lambda _: argument


def _exactly(argument: Any) -> Test:
    if not isinstance(argument, str):
        raise InvalidPattern("exact match pattern must be a string")
    return lambda value: value == argument


def _affix(name: str, argument: Any) -> Test:
    ends = str.startswith if name == "prefix" else str.endswith
    if isinstance(argument, tuple):
        folded = _text_to_fold(name, argument).lower()
        return lambda value: isinstance(value, str) and ends(value.lower(), folded)
    if not isinstance(argument, str):
        raise InvalidPattern(f"{name} match pattern must be a string")
    return lambda value: isinstance(value, str) and ends(value, argument)


def _text_to_fold(name: str, expression: tuple[tuple[str, Any], ...]) -> str:
    if not expression:
        raise InvalidPattern(f"{name.capitalize()} expression name not found")
    kind, text = expression[0]
    if kind != "equals-ignore-case":
        raise InvalidPattern(f"Unsupported {name} pattern: {kind}")
    if not isinstance(text, str):
        raise InvalidPattern("equals-ignore-case match pattern must be a string")
    if len(expression) > 1:
        raise InvalidPattern("Only one key allowed in match expression")
    return text


def _equals_ignore_case(argument: Any) -> Test:
    if not isinstance(argument, str):
        raise InvalidPattern("equals-ignore-case match pattern must be a string")
    folded = argument.lower()
    return lambda value: isinstance(value, str) and value.lower() == folded


def _anything_but(argument: Any) -> Test:
    if isinstance(argument, tuple):
        raise InvalidPattern(_about_further_operator(argument))
    if not isinstance(argument, list) and not isinstance(argument, str) and not _is_number(argument):
        raise InvalidPattern("Value of anything-but must be an array or single string/number value.")
    refused = argument if isinstance(argument, list) else [argument]
    if not all(isinstance(value, str) or _is_number(value) for value in refused):
        raise InvalidPattern("Inside anything but list, start|null|boolean is not supported.")
    if len({isinstance(value, str) for value in refused}) != 1:
        raise InvalidPattern(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    values = frozenset(value if isinstance(value, str) else _bounded(value) for value in refused)
    # true equals 1 but is none of the numbers.
    return lambda value: isinstance(value, bool) or value not in values


def _about_further_operator(expression: tuple[tuple[str, Any], ...]) -> str:
    if not expression:
        return "Anything-But expression name not found"
    kind = expression[0][0]
    if kind not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
        return f"Unsupported anything-but pattern: {kind}"
    return "anything-but with a further operator is not supported by EventBridge Pipes"


def _numeric(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise InvalidPattern("Value of numeric must be an array.")
    sign = argument[0] if argument else None
    if not isinstance(sign, str):
        raise InvalidPattern(f"Invalid member in numeric match: {_as_written(argument)}")
    if sign not in _COMPARISONS:
        raise InvalidPattern(f"Unrecognized numeric range operator: {sign}")
    bound = _bound("equals" if sign == "=" else sign, argument[1:2])
    compare = _COMPARISONS[sign]
    if len(argument) == 2:
        return lambda value: _is_comparable(value) and compare(value, bound)
    if sign not in (">", ">="):
        raise InvalidPattern("Too many elements in numeric expression")
    below, top = _top(argument[2:])
    if bound >= top:
        raise InvalidPattern("Bottom must be less than top")
    return lambda value: _is_comparable(value) and compare(value, bound) and below(value, top)


def _top(rest: list[Any]) -> tuple[Callable[[float, float], bool], float]:
    """The second comparison of a range."""
    sign = rest[0]
    if not isinstance(sign, str):
        raise InvalidPattern(f"Bad value in numeric range: {_as_written(rest)}")
    if sign not in ("<", "<="):
        raise InvalidPattern(f"Bad numeric range operator: {sign}")
    top = _bound(sign, rest[1:2])
    if len(rest) > 2:
        raise InvalidPattern("Too many terms in numeric range expression")
    return _COMPARISONS[sign], top


def _bound(sign: str, rest: list[Any]) -> float:
    if not rest or not _is_number(rest[0]):
        raise InvalidPattern(f"Value of {sign} must be numeric")
    return _bounded(rest[0])


def _bounded(number: float) -> float:
    if not -_LIMIT <= number <= _LIMIT:
        raise InvalidPattern("Value must be between -5.0E9 and 5.0E9, inclusive")
    return number


def _as_written(array: list[Any]) -> str:
    """What a JSON reader sees first in an array; in an empty one that is the bracket."""
    return compact(array[0]) if array else "]"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_comparable(value: Any) -> bool:
    return _is_number(value) and -_LIMIT <= value <= _LIMIT


_COMPILERS: dict[str, Callable[[Any], Test]] = {
    "exactly": _exactly,
    "exists": _exists,
    "prefix": lambda argument: _affix("prefix", argument),
    "suffix": lambda argument: _affix("suffix", argument),
    "equals-ignore-case": _equals_ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
}
