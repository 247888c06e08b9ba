"""What failures have in common: an error's message without what differs from one occurrence to the next. Pure."""

from __future__ import annotations

import re

#: The longest message that is looked at, and so the longest signature.
LONGEST = 300

#: What is replaced, in this order: what is made of other things comes before them.
_REPLACED = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?", "<time>"),
        (r"\b\d\d:\d\d:\d\d([.,]\d+)?\b", "<time>"),
        (r"\b\d{4}-\d\d-\d\d\b", "<date>"),
        (r"\bshardId-[0-9a-z-]+", "<shard>"),
        (r"(?<![\w.])\d{1,3}(\.\d{1,3}){3}(:\d+)?(?![\w.])", "<address>"),
        (r"\[[0-9a-f:]*:[0-9a-f:]+\](:\d+)?", "<address>"),
        (r"\b(localhost):\d+\b", r"\1:<port>"),
        (r"(?<=[a-z0-9]):\d{2,5}\b(?=$|[/\s,;.)\]'\"])", ":<port>"),
        # Request ids of Momento, SQS and the like: long, and of digits as well as letters.
        (r"\b(?=[\w-]*\d)(?=[\w-]*[a-z])[0-9a-f]{16,}\b", "<id>"),
        (r"\b(?=\w*\d)(?=\w*[A-Z])[A-Z0-9]{16,}\b", "<id>"),
        (r"\b\d{21,40}\b", "<sequence number>"),
        # Not in names such as us-west-2 or SHA256.
        (r"(?<![\w<])(?<!\w-)\d+([.,]\d+)*(?=(ms|s|kb|mb|b)\b|%)", "<n>"),
        (r"(?<![\w<])(?<!\w-)[-+]?\d+([.,]\d+)*(?![\w>])", "<n>"),
    )
)
_SPACES = re.compile(r"\s+")


def signature(message: str, status: int | None = None) -> str:
    """The message with ids, times, addresses, ports and numbers replaced; an HTTP status stays, and comes first.

    Empty for an empty message without a status.
    """
    text = message[:LONGEST]
    for pattern, word in _REPLACED:
        text = pattern.sub(word, text)
    text = _SPACES.sub(" ", text).strip()[:LONGEST]
    return f"HTTP {status}: {text}".removesuffix(": ") if status is not None else text
