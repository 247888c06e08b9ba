"""The JSON paths that Pipes understands: `$`, dotted names, `[3]` and `[*]`.

The grammar is the one in botocore's model of `PathParameter` (facts/aws-pipes.md, section 5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

# The model's expressions are Java's, where \w and \d are ASCII.
_PATH = re.compile(r"\$(\.[\w/-]+(\[(\d+|\*)\])*)*", re.ASCII)
_STEP = re.compile(r"\.([\w/-]+)|\[(\d+|\*)\]", re.ASCII)


class Missing(Enum):
    """The type of MISSING, apart from None because a JSON null is a value."""

    MISSING = auto()


#: What a path yields when nothing is there.
MISSING: Final = Missing.MISSING

# One encoder for all: json.dumps would make a new one for every call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

#: Takes an event, returns what the path leads to, or MISSING.
Getter = Callable[[Any], Any]


def is_path(text: str) -> bool:
    """Whether the whole of `text` is a path. Only then is an HTTP parameter's value dynamic."""
    return _PATH.fullmatch(text) is not None


def compile_path(text: str) -> Getter:
    """A getter for one path. A path outside the grammar leads nowhere: it always yields MISSING.

    AWS does not check paths at creation (facts, section 5), so neither does this.
    """
    if not is_path(text):
        return _nowhere
    steps = tuple(_STEP.findall(text))
    if all(name for name, _ in steps):
        return _names(tuple(name for name, _ in steps))
    return lambda event: _walk(event, steps)


def _nowhere(event: Any) -> Any:  # noqa: ARG001
    return MISSING


def _names(names: tuple[str, ...]) -> Getter:
    def get(event: Any) -> Any:
        value = event
        for name in names:
            if not isinstance(value, dict) or name not in value:
                return MISSING
            value = value[name]
        return value

    return get


def _walk(value: Any, steps: tuple[tuple[str, str], ...]) -> Any:
    for position, (name, index) in enumerate(steps):
        if name:
            if not isinstance(value, dict) or name not in value:
                return MISSING
            value = value[name]
        elif not isinstance(value, list):
            return MISSING
        elif index == "*":
            found = (_walk(element, steps[position + 1 :]) for element in value)
            return [element for element in found if element is not MISSING]
        elif int(index) < len(value):
            value = value[int(index)]
        else:
            return MISSING
    return value


def parse(text: str | bytes) -> Any:
    """What a JSON text says. Raises ValueError, also for NaN and Infinity and for what is nested too deeply."""
    return _loaded(text, dict)


def parse_pairs(text: str) -> Any:
    """The same with each object as a tuple of its pairs, which keeps names that are given twice."""
    return _loaded(text, tuple)


def _loaded(text: str | bytes, object_of_pairs: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=object_of_pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def compact(value: Any) -> str:
    """JSON without blanks, as AWS writes it. Text outside ASCII stays as it is."""
    return _ENCODER.encode(value)


def as_text(value: Any) -> str:
    """A value as plain text: a string as it is, nothing and null as "", the rest as compact JSON."""
    if isinstance(value, str):
        return value
    if value is MISSING or value is None:
        return ""
    return compact(value)
