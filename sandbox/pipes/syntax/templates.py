"""Input templates: what the target gets as its body.

Rules of facts/aws-pipes.md, section 5. In a JSON template a string gets its quotes, everything else goes in
raw; inside a string the value goes in without quotes. Values are never escaped, as on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.pipes.syntax.json_paths import MISSING, Getter, compact, compile_path

_PLACEHOLDER = re.compile(r"<(\$(?:[.\[][^<>]*)?|aws\.[^<>]+)>")
_QUOTE = re.compile(r'\\.|"', re.DOTALL)

#: Takes an event, returns a piece of the body.
Piece = Callable[[Any], str]


class InvalidTemplate(Exception):
    """Raised when a template uses an `aws.` variable that does not exist."""


@dataclass(frozen=True)
class PipeVariables:
    """What the reserved variables `<aws.pipes.*>` say about the pipe itself."""

    pipe_arn: str
    pipe_name: str
    source_arn: str
    target_arn: str
    enrichment_arn: str = ""


@dataclass(frozen=True)
class Template:
    """A compiled template: literal text and pieces that depend on the event."""

    parts: tuple[str | Piece, ...]

    def render(self, event: Any) -> str:
        """The body for one event."""
        return "".join([part if isinstance(part, str) else part(event) for part in self.parts])


def compile_template(text: str, variables: PipeVariables) -> Template:
    """Compile once per pipe. Raises InvalidTemplate in AWS's words for an unknown `<aws.*>` variable."""
    is_json = text.lstrip()[:1] in ("{", "[")
    parts: list[str | Piece] = []
    in_string = False
    position = 0
    for found in _PLACEHOLDER.finditer(text):
        literal = text[position : found.start()]
        in_string = _in_string_after(literal, in_string)
        if literal:
            parts.append(literal)
        parts.append(_piece(_value_of(found.group(1), variables), is_json, in_string))
        position = found.end()
    if text[position:]:
        parts.append(text[position:])
    return Template(tuple(parts))


def _in_string_after(literal: str, in_string: bool) -> bool:
    quotes = sum(1 for found in _QUOTE.finditer(literal) if found.group() == '"')
    return in_string != (quotes % 2 == 1)


def _value_of(placeholder: str, variables: PipeVariables) -> Getter:
    if placeholder.startswith("$"):
        return compile_path(placeholder)
    constants = {
        "aws.pipes.pipe-arn": variables.pipe_arn,
        "aws.pipes.pipe-name": variables.pipe_name,
        "aws.pipes.source-arn": variables.source_arn,
        "aws.pipes.enrichment-arn": variables.enrichment_arn,
        "aws.pipes.target-arn": variables.target_arn,
    }
    if placeholder in constants:
        constant = constants[placeholder]
        return lambda _: constant
    if placeholder in ("aws.pipes.event", "aws.pipes.event.json"):
        return lambda event: event
    if placeholder == "aws.pipes.event.ingestion-time":
        return _ingestion_time
    raise InvalidTemplate(f"Invalid json path reference or predefined variable for placeholder : <{placeholder}>")


def _ingestion_time(event: Any) -> str:  # noqa: ARG001
    """When the template got the event: now, whatever the record's own time is."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _piece(get: Getter, is_json: bool, in_string: bool) -> Piece:
    if in_string:
        return lambda event: _inside_string(get(event))
    if is_json:
        return lambda event: _json_value(get(event))
    return lambda event: _free_text(get(event))


def _json_value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return '""' if value is MISSING else compact(value)


def _inside_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is MISSING else compact(value).replace('"', "")


def _free_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is MISSING else compact(value)
