"""Text from outside, made fit for screens and wires."""

from __future__ import annotations

import re

#: What moves a terminal's cursor, colours it, or makes it answer: control characters, C1 included.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def encodable(text: str) -> str:
    """The text without lone surrogates, which JSON can spell (`"\\ud800"`) and which UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def printable(text: str) -> str:
    """The text with its control characters spelled out (`\\u001b`), so that a terminal shows them and does not obey."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def short(text: str, most: int = 500) -> str:
    """The text, cut where it is longer than `most` characters: a log record may be 256 KB, and one error all of it."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
