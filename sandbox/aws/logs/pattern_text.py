"""What all filter patterns of CloudWatch Logs share: their error, their wildcards and their regular expressions."""

from __future__ import annotations

import re

#: What a regular expression may consist of; parentheses, among others, are refused by CloudWatch Logs.
_REGEX_TEXT = re.compile(r"(?:[A-Za-z0-9_#=@/;:,\-^$?\[\]{}|*+. ]|\\[\x21-\x7e])+")
_MOST_REGEXES = 2


class InvalidFilterPattern(Exception):
    """Raised when a filter pattern does not follow the syntax."""

    def __init__(self, message: str = "Invalid filter pattern") -> None:
        super().__init__(message)


class RegexBudget:
    """Compiles the regular expressions of one pattern, of which CloudWatch Logs takes two at most."""

    def __init__(self) -> None:
        self._used = 0

    def compile(self, text: str) -> re.Pattern[str]:
        """What stands between two `%`. Raises InvalidFilterPattern."""
        self._used += 1
        if self._used > _MOST_REGEXES or not _REGEX_TEXT.fullmatch(text):
            raise InvalidFilterPattern
        try:
            return re.compile(text, re.ASCII)
        except re.error as error:
            raise InvalidFilterPattern from error


def wildcard(text: str) -> re.Pattern[str]:
    """A text in which each `*` stands for any characters, or none."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)
