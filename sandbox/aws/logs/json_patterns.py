"""JSON filter patterns of CloudWatch Logs: `{ ($.level = "ERR*" || $.n >= 3) && $.error.code NOT EXISTS }`.

A pattern is compiled into one predicate over the parsed message. After the public description of the syntax
(CloudWatch Logs user guide, "Filter pattern syntax"). Not said there, and assumed here:

- a condition on a property that is not there is false, `!=` included;
- an unquoted number compares with numbers only, a quoted one with strings only;
- a string condition on an array, an object, a boolean or null is false, `= *` apart, which any value but null meets;
- `&&` binds closer than `||`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from sandbox.aws.logs.pattern_text import InvalidFilterPattern, RegexBudget, wildcard

#: Whether a parsed message meets a pattern.
Condition = Callable[[Any], bool]
#: Whether a value that is there meets a comparison.
_Test = Callable[[Any], bool]

_TOKENS = re.compile(
    r"""\s*(?:
        (?P<punctuation>&&|\|\||[(){}])
      | (?P<selector>\$(?:\.[^\s.\[\]=!<>(){}&|"]+|\.?\['[^']+'\]|\.?\[\d+\])+)
      | (?P<comparison>!=|<=|>=|=|<|>)
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<regex>%[^%]*%)
      | (?P<word>[^\s=!<>(){}&|"%]+)
    )""",
    re.VERBOSE,
)
_STEPS = re.compile(r"\.?\['([^']+)'\]|\.?\[(\d+)\]|\.([^.\[\]]+)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ABSENT: Final = object()


def compile_json_pattern(text: str) -> Condition:
    """Compile a pattern with its braces. Raises InvalidFilterPattern."""
    parser = _Parser(text)
    parser.expect("{")
    condition = parser.any_of()
    parser.expect("}")
    parser.expect_end()
    return condition


class _Parser:
    """Recursive descent over the tokens of one pattern."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._regexes = RegexBudget()

    def any_of(self) -> Condition:
        """Conditions joined by `||`."""
        return self._joined("||", self.all_of, any)

    def all_of(self) -> Condition:
        """Conditions joined by `&&`."""
        return self._joined("&&", self._single, all)

    def expect(self, text: str) -> None:
        """Take one piece of punctuation."""
        if self._take() != ("punctuation", text):
            raise InvalidFilterPattern

    def expect_end(self) -> None:
        """There must be nothing left."""
        if self._at != len(self._tokens):
            raise InvalidFilterPattern

    def _joined(self, by: str, part: Callable[[], Condition], holds: Callable[..., bool]) -> Condition:
        parts = [part()]
        while self._peek() == ("punctuation", by):
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else lambda message: holds(each(message) for each in parts)

    def _single(self) -> Condition:
        if self._peek() == ("punctuation", "("):
            self._take()
            inner = self.any_of()
            self.expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        kind, selector = self._take()
        if kind != "selector":
            raise InvalidFilterPattern
        find = _finder(selector)
        kind, sign = self._take()
        if (kind, sign.upper()) == ("word", "NOT"):
            self._word("EXISTS")
            return lambda message: find(message) is _ABSENT
        test = self._constant() if (kind, sign.upper()) == ("word", "IS") else self._value_test(kind, sign)

        def holds(message: Any) -> bool:
            value = find(message)
            return value is not _ABSENT and test(value)

        return holds

    def _constant(self) -> _Test:
        constants = {"NULL": None, "TRUE": True, "FALSE": False}
        kind, name = self._take()
        if kind != "word" or name.upper() not in constants:
            raise InvalidFilterPattern
        wanted = constants[name.upper()]
        return lambda value: value is wanted

    def _value_test(self, kind: str, sign: str) -> _Test:
        if kind != "comparison":
            raise InvalidFilterPattern
        kind, text = self._take()
        if sign in _ORDER:
            return _ordered(sign, _number(text) if kind == "word" else None)
        test = self._equality(kind, text)
        return test if sign == "=" else lambda value: not test(value)

    def _equality(self, kind: str, text: str) -> _Test:
        if kind == "regex":
            searched = self._regexes.compile(text[1:-1])
            return lambda value: isinstance(value, str) and searched.search(value) is not None
        if kind == "word" and (number := _number(text)) is not None:
            return lambda value: _is_number(value) and bool(value == number)
        if kind not in ("word", "quoted"):
            raise InvalidFilterPattern
        return _text_test(json_string(text) if kind == "quoted" else text)

    def _word(self, expected: str) -> None:
        kind, word = self._take()
        if kind != "word" or word.upper() != expected:
            raise InvalidFilterPattern

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token


def json_string(quoted: str) -> str:
    """What stands between the quotes, without its backslashes."""
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


def parsed_message(message: str) -> Any:
    """The object or array that a message is, or None: JSON patterns match nothing else."""
    if not message.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(message)
    except ValueError:
        return None


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.strip()
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None or found.lastgroup is None:
            raise InvalidFilterPattern
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


def _finder(selector: str) -> Callable[[Any], Any]:
    """Takes a message to the value at the selector, or to _ABSENT."""
    steps = [int(index) if index else quoted or name for quoted, index, name in _STEPS.findall(selector[1:])]

    def find(value: Any) -> Any:
        for step in steps:
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return _ABSENT
                value = value[step]
            else:
                if not isinstance(value, dict) or step not in value:
                    return _ABSENT
                value = value[step]
        return value

    return find


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(sign: str, number: float | None) -> _Test:
    if number is None:
        raise InvalidFilterPattern
    compare, bound = _ORDER[sign], number
    return lambda value: _is_number(value) and bool(compare(value, bound))


def _text_test(text: str) -> _Test:
    if text == "*":
        return lambda value: value is not None
    if "*" in text:
        matched = wildcard(text)
        return lambda value: isinstance(value, str) and matched.fullmatch(value) is not None
    return lambda value: isinstance(value, str) and value == text
