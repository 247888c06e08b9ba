"""Who may change things: write and delete records, repair, purge, stop a pipe (DESIGN decision 11). Pure.

    served on this machine only, under no other name     everybody who reaches it is an operator ("local mode")
    served wider, and signed in as one of OPERATORS      operator
    served wider, signed in as somebody else, or not     viewer: reads everything, changes nothing

Only a dashboard with sign-in knows who somebody is; a name that a browser sends by itself proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

#: What a server that listens for this machine alone is bound to, and the names by which it is called there.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Role(Enum):
    """What a person may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Person:
    """Who looks at a page: the name for the audit log, the role, and why that role."""

    name: str
    role: Role
    reason: str


def person(address: str | None, hosts: Collection[str], email: str | None, operators: Collection[str]) -> Person:
    """Who it is, from where the server listens, the host names it answers to, and the e-mail address of the sign-in.

    `email` is None without a sign-in. E-mail addresses are compared without regard to case.
    """
    if email is not None:
        if email.casefold() in {operator.casefold() for operator in operators}:
            return Person(email, Role.OPERATOR, "signed in, and named in OPERATORS")
        return Person(email, Role.VIEWER, "signed in, but not named in OPERATORS")
    if address in LOOPBACK and hosts and LOOPBACK.issuperset(hosts):
        return Person("local", Role.OPERATOR, "the dashboard is served on this machine only")
    return Person("anonymous", Role.VIEWER, "the dashboard is served beyond this machine, and nobody is signed in")
