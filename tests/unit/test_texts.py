"""Text from outside is cut, and its control characters are spelled out."""

from __future__ import annotations

import pytest

from services.texts import printable, short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bodø\n\tline", "Bodø\n\tline"),
        ("\x1b[2J", "\\u001b[2J"),
        ("a\rb\x07\x7f\x9b", "a\\u000db\\u0007\\u007f\\u009b"),
    ],
)
def test_what_would_command_a_terminal_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert short("x" * 500) == "x" * 500
    assert short("x" * 250_000) == f"{'x' * 500}… (250,000 characters)"
