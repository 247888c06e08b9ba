"""The setting OPERATORS: who may change things once they signed in. Pure."""

from __future__ import annotations

import re

from core.errors import NotConfigured

#: How an entry of OPERATORS begins that names the claim `sub`, not an e-mail address.
SUBJECT = "sub:"
_ADDRESS = re.compile(r"[^\s@*,;:<>\"]+@[^\s@*,;:<>\"]+")


def operators_of(setting: str) -> frozenset[str]:
    """The entries of OPERATORS: e-mail addresses, and `sub:` with a subject. Raises NotConfigured for anything else."""
    entries = [entry for part in setting.split(",") if (entry := part.strip())]
    for entry in entries:
        subject = entry.startswith(SUBJECT) and entry != SUBJECT and entry.isprintable()
        if not subject and not (_ADDRESS.fullmatch(entry) and entry.isprintable()):
            raise NotConfigured(
                f"OPERATORS has {entry[:80]!r}, which is neither an e-mail address nor sub: with a subject.",
                "Write them with commas between, such as ann@example.com, sub:248289761001.",
            )
    return frozenset(entries)
