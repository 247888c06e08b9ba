"""Space-delimited filter patterns of CloudWatch Logs: `[ip, user, ..., status = 4* || status = 5*, size > 1000]`.

A message is cut into fields at its spaces; what stands in brackets or in double quotes is one field. `...` stands
for any number of fields, none included. After the public description of the syntax.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from sandbox.aws.logs.pattern_text import InvalidFilterPattern, RegexBudget, wildcard

#: Whether the fields of a message match.
FieldsTest = Callable[[list[str]], bool]
_FieldTest = Callable[[str], bool]

_FIELDS = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_SPLIT_FIELDS = re.compile(r',(?=(?:[^"%]|"[^"]*"|%[^%]*%)*$)')
_CONDITION = re.compile(
    r'\s*(?P<name>[\w$.@-]+)\s*(?:(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>"[^"]*"|%[^%]*%|[^\s"%&|]+))?\s*'
)
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def fields_of(message: str) -> list[str]:
    """The fields of a message, without their brackets and quotes."""
    return [bracketed or quoted or plain for bracketed, quoted, plain in _FIELDS.findall(message)]


def compile_delimited_pattern(text: str) -> FieldsTest:
    """Compile a pattern with its brackets. Raises InvalidFilterPattern."""
    if not text.endswith("]"):
        raise InvalidFilterPattern
    parts = [part.strip() for part in _SPLIT_FIELDS.split(text[1:-1])]
    if parts.count("...") > 1:
        raise InvalidFilterPattern
    regexes = RegexBudget()
    tests = [None if part == "..." else _any_of(part, regexes) for part in parts]
    if None not in tests:
        return lambda fields: len(fields) == len(tests) and _all(tests, fields)
    gap = tests.index(None)
    head, tail = tests[:gap], tests[gap + 1 :]

    def matches(fields: list[str]) -> bool:
        if len(fields) < len(head) + len(tail):
            return False
        return _all(head, fields[: len(head)]) and _all(tail, fields[len(fields) - len(tail) :])

    return matches


def _all(tests: list[_FieldTest | None], fields: list[str]) -> bool:
    return all(test(field) for test, field in zip(tests, fields, strict=True) if test is not None)


def _any_of(part: str, regexes: RegexBudget) -> _FieldTest:
    choices = [[_condition(each, regexes) for each in choice.split("&&")] for choice in part.split("||")]
    return lambda field: any(all(test(field) for test in choice) for choice in choices)


def _condition(text: str, regexes: RegexBudget) -> _FieldTest:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise InvalidFilterPattern
    sign, value = found["sign"], found["value"]
    if sign is None:
        return lambda _: True
    if sign in _ORDER:
        return _ordered(sign, value)
    test = _equality(value, regexes)
    return test if sign == "=" else lambda field: not test(field)


def _ordered(sign: str, value: str) -> _FieldTest:
    if not _NUMBER.fullmatch(value):
        raise InvalidFilterPattern
    compare, bound = _ORDER[sign], float(value)
    return lambda field: _NUMBER.fullmatch(field) is not None and bool(compare(float(field), bound))


def _equality(value: str, regexes: RegexBudget) -> _FieldTest:
    if value.startswith("%"):
        searched = regexes.compile(value[1:-1])
        return lambda field: searched.search(field) is not None
    if _NUMBER.fullmatch(value):
        number = float(value)
        return lambda field: _NUMBER.fullmatch(field) is not None and float(field) == number
    matched = wildcard(value.strip('"'))
    return lambda field: matched.fullmatch(field) is not None
