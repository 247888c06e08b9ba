"""What the cache-put pipe writes for an item of the table: the document, and for how long it lives. Pure.

The pipe's InputTemplate (provision/stack.py) is the truth; a test holds this module to it, byte for byte. Like
Pipes, it puts values in as they are and leaves a value that the item lacks as an empty text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import names

#: The document's members after Location, each from the attribute of that name when it is a number.
NUMBERS = ("MaxTemp", "MinTemp", "ChancesOfPrecipitation")
#: Longest lifetime of a cache item in seconds (facts/momento.md, section 7).
TTL_MAX_S = 86_400

#: An item as DynamoDB gives it: attribute name -> {type: value}.
Item = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class CacheDocument:
    """The bytes of a cache item, and its lifetime in seconds."""

    body: bytes
    ttl_s: int


def document(item: Item) -> CacheDocument | None:
    """What the pipe puts into the cache for an item; None when Momento refuses its lifetime."""
    return None if never_cached(item) else CacheDocument(_body(item), int(_ttl_text(item)))


def never_cached(item: Item) -> str:
    """Why the cache never takes an item, in words; "" when it does."""
    text = _ttl_text(item)
    if not text:
        return "The item has no number TTL, and Momento takes nothing without a lifetime."
    if not (text.isascii() and text.isdigit()):
        return f"Its TTL is {text[:20]}, and Momento takes whole seconds from 1 on."
    if len(text) > len(str(TTL_MAX_S)) or int(text) > TTL_MAX_S:
        return f"Its TTL is {text[:20]} s, above Momento's {TTL_MAX_S:,} s."
    return "" if int(text) else "Its TTL is 0 s, and Momento takes 1 s or more."


def _body(item: Item) -> bytes:
    values = (("Location", _value(item, names.TABLE_KEY, "S")), *((name, _value(item, name, "N")) for name in NUMBERS))
    lines = ",\n".join(f'  "{name}": "{value}"' for name, value in values)
    return ("{\n" + lines + "\n}").encode()


def _ttl_text(item: Item) -> str:
    return _value(item, "TTL", "N")


def _value(item: Item, name: str, kind: str) -> str:
    return str(item.get(name, {}).get(kind, ""))
