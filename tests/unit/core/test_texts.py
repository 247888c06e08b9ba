"""Text from outside is cut, and its control characters are spelled out."""

from __future__ import annotations

import json
import unicodedata

import pytest

from core.text import printable, short

#: Classes of the characters that change the direction of what follows.
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bodø\n\tline", "Bodø\n\tline"),
        ("\x1b[2J", "\\u001b[2J"),
        ("pay\u202eecila\u202c \u2066x\u2069", "pay\\u202eecila\\u202c \\u2066x\\u2069"),
        ("a\u2028b\u2029c\u200ed\u200fe\u061cf", "a\\u2028b\\u2029c\\u200ed\\u200fe\\u061cf"),
        ("\ufeffa\u200bb\xadc\U000e0041", "\\ufeffa\\u200bb\\u00adc\\udb40\\udc41"),
        ("half \ud83d", "half \\ud83d"),
        # Written with a joiner, and an emoji of two halves.
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3 \U0001f327", "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \U0001f327"),
        ("a\rb\x07\x7f\x9b", "a\\u000db\\u0007\\u007f\\u009b"),
    ],
)
def test_what_would_command_a_terminal_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_means_the_same_when_it_can_be_printed() -> None:
    # With blanks between: two halves side by side are one character to JSON.
    content = {"body": " ".join(map(chr, (*range(0x3000), *range(0xD800, 0xE000), 0xFEFF, *range(0xE0000, 0xE0080))))}

    printed = printable(json.dumps(content, ensure_ascii=False, indent=2))

    assert json.loads(printed) == content
    shown = set(printed) - set("\n")
    assert not {one for one in shown if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")}
    assert not {one for one in shown if unicodedata.bidirectional(one) in _DIRECTIONS}
    assert printed.encode()


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert short("x" * 500) == "x" * 500
    assert short("x" * 250_000) == f"{'x' * 500}… (250,000 characters)"
