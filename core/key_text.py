"""What a key, a token or a secret may be made of. Pure, and never quotes one."""

from __future__ import annotations

#: What copying, `.env` files and `$(cat file)` put around a key. No key begins or ends with any of it.
AROUND = " \t\r\n"

_QUOTATION_MARKS = "\"'`"


def fault(text: str) -> str:
    """What is in a text that no key has, such as "a line break"; "" for one that may be a key.

    Keys of AWS and Momento are of visible ASCII characters, without quotation marks.
    """
    for character in text:
        if character in "\r\n":
            return "a line break"
        if character in " \t":
            return "white space"
        if character < " " or character == "\x7f":
            return "a control character"
        if character > "\x7f":
            return "a character that is not ASCII"
        if character in _QUOTATION_MARKS:
            return "a quotation mark"
    return ""
