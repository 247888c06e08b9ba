"""Filter patterns of CloudWatch Logs, compiled into predicates over the text of a message.

ERROR "timed out" -retry      all terms, and none of the excluded ones; case counts, parts of words do too
?ERROR ?WARN                  one of them; ignored when other terms stand beside it, as CloudWatch Logs does
%E.{2}OR%                     a regular expression
{ $.level = "ERROR" }         a JSON pattern, see `logs_json_patterns`
[ip, user, status >= 400]     a space-delimited pattern, see `logs_delimited_patterns`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from sandbox.aws.logs.delimited_patterns import compile_delimited_pattern, fields_of
from sandbox.aws.logs.json_patterns import compile_json_pattern, json_string, parsed_message
from sandbox.aws.logs.pattern_text import InvalidFilterPattern, RegexBudget

__all__ = ["InvalidFilterPattern", "Matcher", "compile_filter_pattern"]

#: Whether a message matches.
Matcher = Callable[[str], bool]

_TERMS = re.compile(r"""\s*(?P<sign>[?+-]?)(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]*%)|(?P<plain>[^\s"%]+))""")

_UNQUOTED = re.compile(r"\w+")


@lru_cache(maxsize=256)
def compile_filter_pattern(text: str) -> Matcher | None:
    """The predicate of a pattern; None when every message matches. Raises InvalidFilterPattern."""
    text = text.strip()
    if not text:
        return None
    if text.startswith("{"):
        condition = compile_json_pattern(text)
        return lambda message: (value := parsed_message(message)) is not None and condition(value)
    if text.startswith("["):
        fields = compile_delimited_pattern(text)
        return lambda message: fields(fields_of(message))
    return _compile_terms(text)


def _compile_terms(text: str) -> Matcher:
    regexes = RegexBudget()
    found: dict[str, list[Matcher]] = {"": [], "?": [], "-": []}
    for sign, term in _terms(text):
        found[sign].append(_regex(regexes, term) if term.startswith("%") else _contains(term))
    required, optional, excluded = found[""], found["?"], found["-"]
    if not required and not excluded:
        return lambda message: any(match(message) for match in optional)
    if len(required) == 1 and not excluded:
        return required[0]
    return lambda message: all(m(message) for m in required) and not any(m(message) for m in excluded)


def _terms(text: str) -> list[tuple[str, str]]:
    """Sign and text of each term; a regular expression keeps its `%`."""
    terms, at = [], 0
    while at < len(text):
        found = _TERMS.match(text, at)
        if found is None:
            raise InvalidFilterPattern
        if found["plain"] and not _UNQUOTED.fullmatch(found["plain"]):
            raise InvalidFilterPattern(f"Invalid character(s) in term '{found['plain']}'")
        term = found["plain"] or found["regex"] or json_string(found["quoted"])
        terms.append((found["sign"].replace("+", ""), term))
        at = found.end()
    return terms


def _regex(regexes: RegexBudget, term: str) -> Matcher:
    compiled = regexes.compile(term[1:-1])
    return lambda message: compiled.search(message) is not None


def _contains(term: str) -> Matcher:
    return lambda message: term in message
