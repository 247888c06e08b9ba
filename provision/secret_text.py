"""A text that may be compared and handed on, and is never shown: the Momento key on its way to AWS."""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: New in each process, so that a digest says nothing to anybody else.
_SALT = secrets.token_bytes(32)

SHOWN = "(secret)"


class SecretText:
    """Equal to another one of the same text. Prints as "(secret)" wherever it is printed."""

    __slots__ = ("_digest", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hmac.digest(_SALT, text.encode(), hashlib.sha256)

    def reveal(self) -> str:
        """The text itself, for the call that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and hmac.compare_digest(self._digest, other._digest)

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return SHOWN

    def __reduce__(self) -> str:
        raise TypeError("A secret text is not stored.")
