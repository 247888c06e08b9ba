"""Text from outside, made fit for screens and wires."""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text without lone surrogates, which JSON can spell (`"\\ud800"`) and which UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
