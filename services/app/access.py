"""Who may change things: write and delete records, repair, purge, stop a pipe (DESIGN decision 11). Pure.

    signed in, freshly, as one of OPERATORS              operator
    signed in as somebody else, or too long ago          viewer: reads everything, changes nothing
    nobody signed in, though an identity provider is set viewer
    no provider, and this machine's own people           operators, where LOCAL_OPERATOR says so ("local mode")
    no provider, and anybody else                        viewer

Local mode is configured, never read from an address: the server is bound to loopback, answers to loopback names alone,
is not set up for a proxy, and LOCAL_OPERATOR is on. What a request shows can only take rights away: a header that a
proxy adds, or a connection that another user of the machine made.

A sign-in lasts SIGN_IN_S: Streamlit keeps its cookie for 30 days and never looks at the token's expiry. What the claims
of a sign-in must be, and which provider sends what, is in docs/security.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from core.names import LOOPBACK
from core.operators import SUBJECT

#: How long a sign-in counts, in seconds: a long working day.
SIGN_IN_S = 12 * 3600
#: How far the identity provider's clock may be ahead of ours, in seconds.
CLOCK_SKEW_S = 60
#: The header by which the dashboard's own door tells that a connection was made by another user of this machine.
OTHER_USER = "x-dashboard-other-user"

#: Headers that no browser sends with a websocket, and that proxies add; so are all that begin with one of the prefixes.
_PROXY_HEADERS = frozenset(
    {"forwarded", "via", "true-client-ip", "client-ip", "cdn-loop", "remote-user", "remote-addr", "wl-proxy-client-ip"}
)
_PROXY_PREFIXES = ("x-", "cf-", "fastly-", "fly-", "tailscale-", "ngrok-", "proxy-")


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


@dataclass(frozen=True)
class Served:
    """How the dashboard is served, from its configuration alone.

    `address` is what it is bound to (None for everything), `hosts` are the names that it answers to, `local_operator`
    is the setting of that name, and `proxied_by` the setting by which it is set up for a proxy, or "".
    """

    address: str | None
    hosts: Collection[str]
    local_operator: bool
    proxied_by: str = ""


def local_person(served: Served, headers: Iterable[str]) -> Person:
    """Who it is where nobody can sign in; `headers` are the names of those that came with the connection."""
    reason = _not_local(served, {name.lower() for name in headers})
    if reason:
        return Person("anonymous", Role.VIEWER, reason)
    return Person("local", Role.OPERATOR, "the dashboard is served on this machine only")


def _not_local(served: Served, headers: Collection[str]) -> str:
    """Why local mode does not hold for a connection, or ""."""
    if served.address not in LOOPBACK or not served.hosts or not LOOPBACK.issuperset(served.hosts):
        return "the dashboard is served beyond this machine, and has no sign-in"
    if served.proxied_by:
        return f"{served.proxied_by} is set, as for a proxy, and the dashboard has no sign-in"
    if not served.local_operator:
        return "the dashboard has no sign-in, and LOCAL_OPERATOR=on is not set in .env"
    if OTHER_USER in headers:
        return "another user of this machine opened this page, and the dashboard has no sign-in"
    added = sorted(name for name in headers if name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIXES))
    if added:
        return f"the page came through a proxy (header {added[0][:40]}), and the dashboard has no sign-in"
    return ""


def signed_in_person(claims: Mapping[str, object], operators: Collection[str], now: float) -> Person:
    """Who it is by the claims of an OIDC identity token; `now` and the claim `iat` are epoch seconds.

    E-mail addresses of ASCII letters are compared without regard to their case, all others and subjects exactly.
    """
    email, subject = _text(claims, "email"), _text(claims, "sub")
    name = email or subject or "unknown"
    stale = _not_fresh(claims.get("iat"), now)
    if stale:
        return Person(name, Role.VIEWER, stale)
    if subject and SUBJECT + subject in operators:
        # Not by the address, which need not be theirs: the audit log names who it is.
        return Person(SUBJECT + subject, Role.OPERATOR, "signed in, and named in OPERATORS")
    addresses = {_same_case(entry) for entry in operators if not entry.startswith(SUBJECT)}
    if not email or _same_case(email) not in addresses:
        return Person(name, Role.VIEWER, "signed in, but not named in OPERATORS")
    if claims.get("email_verified") is not True:
        return Person(name, Role.VIEWER, "the identity provider has not verified the e-mail address")
    return Person(name, Role.OPERATOR, "signed in, and named in OPERATORS")


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _not_fresh(issued: object, now: float) -> str:
    """Why a sign-in of the moment `issued` does not count, or ""."""
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not math.isfinite(issued):
        return "the identity provider does not say when the sign-in was"
    if issued > now + CLOCK_SKEW_S:
        return "the sign-in is in the future: the clock of this machine or of the identity provider is wrong"
    if now - issued > SIGN_IN_S:
        return f"the sign-in is older than {SIGN_IN_S // 3600} hours"
    return ""


def _same_case(address: str) -> str:
    """ASCII addresses in small letters; folding others would make one of two people's ("opſ@", "OPS@")."""
    return address.lower() if address.isascii() else address
