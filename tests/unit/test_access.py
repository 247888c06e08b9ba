"""Who may change things."""

from __future__ import annotations

import pytest

from services.access import SIGN_IN_S, Role, local_person, signed_in_person

LOCAL = ["localhost", "127.0.0.1"]
NOW = 1_760_000_000


@pytest.mark.parametrize(
    ("address", "hosts", "role"),
    [
        ("127.0.0.1", LOCAL, Role.OPERATOR),
        ("::1", ["localhost"], Role.OPERATOR),
        ("0.0.0.0", LOCAL, Role.VIEWER),
        (None, LOCAL, Role.VIEWER),
        # Bound to loopback, but reached through a proxy under a public name, or under any name at all.
        ("127.0.0.1", [*LOCAL, "ops.example.com"], Role.VIEWER),
        ("127.0.0.1", [], Role.VIEWER),
    ],
)
def test_without_a_sign_in_only_this_machine_operates(address: str | None, hosts: list[str], role: Role) -> None:
    someone = local_person(address, hosts)

    assert someone.role is role
    assert someone.reason


@pytest.mark.parametrize(
    ("claims", "role", "name"),
    [
        ({"email": "Ann@example.com", "iat": NOW}, Role.OPERATOR, "Ann@example.com"),
        ({"email": "ann@example.com", "iat": NOW, "email_verified": True}, Role.OPERATOR, "ann@example.com"),
        ({"email": "ann@example.com", "iat": NOW, "email_verified": False}, Role.VIEWER, "ann@example.com"),
        ({"email": "ann@example.com", "iat": NOW - SIGN_IN_S - 1}, Role.VIEWER, "ann@example.com"),
        ({"email": "ann@example.com"}, Role.VIEWER, "ann@example.com"),
        ({"email": "bob@example.com", "iat": NOW}, Role.VIEWER, "bob@example.com"),
        ({"sub": "4711", "iat": NOW}, Role.VIEWER, "4711"),
        ({}, Role.VIEWER, "unknown"),
    ],
)
def test_a_sign_in_operates_when_it_is_fresh_verified_and_named(
    claims: dict[str, object], role: Role, name: str
) -> None:
    someone = signed_in_person(claims, {"ann@example.com"}, NOW)

    assert (someone.role, someone.name) == (role, name)
