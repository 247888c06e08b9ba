"""Text from outside, made fit for screens and wires."""

from __future__ import annotations

import re

#: What moves a terminal's cursor, colours it, or makes it answer (control characters, C1 included); what shows a text
#: in another order than it has, or breaks its line; and what cannot be seen: marks, tags, lone surrogates.
#: The joiners are left, which names in Persian or Sinhala are written with.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def encodable(text: str) -> str:
    """The text without lone surrogates, which JSON can spell (`"\\ud800"`) and which UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def printable(text: str) -> str:
    """The text with such characters spelled out (`\\u001b`), so that a terminal shows them and does not obey.

    Line breaks and tabs stay. What was JSON is the same JSON afterwards.
    """
    return _CONTROL.sub(lambda found: _spelled(found[0]), text)


def _spelled(character: str) -> str:
    """As JSON escapes it: beyond 16 bits in two halves."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def short(text: str, most: int = 500) -> str:
    """The text, cut where it is longer than `most` characters: a log record may be 256 KB, and one error all of it."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
