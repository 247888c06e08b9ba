"""What a check of the stack's settings finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """What a setting does to records; the worst first."""

    LOSES = "loses records"
    RISK = "may lose records"
    BLIND = "hides failures"
    NOTE = "good to know"
    UNCHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One setting of one resource: what it is, why it matters to records, and what to do.

    The texts may quote AWS: they are shown as plain text only.
    """

    resource: str
    severity: Severity
    what: str
    why: str
    advice: str
