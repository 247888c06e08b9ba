"""Who may change things: write and delete records, repair, purge, stop a pipe (DESIGN decision 11). Pure.

    signed in as one of OPERATORS                        operator
    signed in as somebody else, or too long ago          viewer: reads everything, changes nothing
    nobody signed in, though an identity provider is set viewer
    no provider, and served on this machine only         everybody who reaches it is an operator ("local mode")
    no provider, and served wider                        viewer

A sign-in lasts SIGN_IN_S: Streamlit keeps its cookie for 30 days and never looks at the token's expiry
(facts/streamlit.md, section 5). An address that the identity provider calls unverified is nobody's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

#: What a server that listens for this machine alone is bound to, and the names by which it is called there.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: How long a sign-in counts, in seconds: a long working day.
SIGN_IN_S = 12 * 3600


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


#: Whoever has not signed in where one can.
NOBODY = Person("anonymous", Role.VIEWER, "nobody is signed in")


def local_person(address: str | None, hosts: Collection[str]) -> Person:
    """Who it is where nobody can sign in, from where the server listens and the host names that it answers to."""
    if address in LOOPBACK and hosts and LOOPBACK.issuperset(hosts):
        return Person("local", Role.OPERATOR, "the dashboard is served on this machine only")
    return Person("anonymous", Role.VIEWER, "the dashboard is served beyond this machine, and has no sign-in")


def signed_in_person(claims: Mapping[str, object], operators: Collection[str], now: float) -> Person:
    """Who it is by the claims of an OIDC identity token; `now` and the claim `iat` are epoch seconds.

    E-mail addresses are compared without regard to case.
    """
    email, issued = claims.get("email"), claims.get("iat")
    name = str(email or claims.get("sub") or "unknown")
    if not isinstance(issued, int | float) or now - issued > SIGN_IN_S:
        return Person(name, Role.VIEWER, f"the sign-in is older than {SIGN_IN_S // 3600} hours")
    if claims.get("email_verified") is False:
        return Person(name, Role.VIEWER, "the identity provider has not verified the e-mail address")
    if isinstance(email, str) and email.casefold() in {operator.casefold() for operator in operators}:
        return Person(name, Role.OPERATOR, "signed in, and named in OPERATORS")
    return Person(name, Role.VIEWER, "signed in, but not named in OPERATORS")
