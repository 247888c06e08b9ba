"""Who may change things."""

from __future__ import annotations

import pytest

from services.access import Role, person

LOCAL = ["localhost", "127.0.0.1"]


@pytest.mark.parametrize(
    ("address", "hosts", "email", "role", "name"),
    [
        ("127.0.0.1", LOCAL, None, Role.OPERATOR, "local"),
        ("::1", ["localhost"], None, Role.OPERATOR, "local"),
        ("0.0.0.0", LOCAL, None, Role.VIEWER, "anonymous"),
        (None, LOCAL, None, Role.VIEWER, "anonymous"),
        # Bound to loopback, but reached through a proxy under a public name, or under any name at all.
        ("127.0.0.1", [*LOCAL, "ops.example.com"], None, Role.VIEWER, "anonymous"),
        ("127.0.0.1", [], None, Role.VIEWER, "anonymous"),
        ("0.0.0.0", LOCAL, "Ann@example.com", Role.OPERATOR, "Ann@example.com"),
        ("0.0.0.0", LOCAL, "bob@example.com", Role.VIEWER, "bob@example.com"),
        # A sign-in counts for what it says, also where an unknown person would be an operator.
        ("127.0.0.1", LOCAL, "bob@example.com", Role.VIEWER, "bob@example.com"),
        ("127.0.0.1", LOCAL, "", Role.VIEWER, ""),
    ],
)
def test_the_role_follows_from_where_it_is_served_and_who_signed_in(
    address: str | None, hosts: list[str], email: str | None, role: Role, name: str
) -> None:
    someone = person(address, hosts, email, {"ann@example.com"})

    assert (someone.role, someone.name) == (role, name)
    assert someone.reason
