"""Who may change things."""

from __future__ import annotations

import math

import pytest

from core.errors import NotConfigured
from core.operators import operators_of
from services.app.access import (
    CLOCK_SKEW_S,
    LOOPBACK,
    OTHER_USER,
    SIGN_IN_S,
    Role,
    Served,
    local_person,
    signed_in_person,
)

LOCAL = ["localhost", "127.0.0.1"]
NOW = 1_760_000_000
#: What Chromium sends with a websocket.
BROWSER = (
    *("Host", "Connection", "Upgrade", "Origin", "User-Agent", "Pragma", "Cache-Control", "Accept-Encoding"),
    *("Accept-Language", "Cookie", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Fetch-Site"),
)


@pytest.mark.parametrize(
    ("address", "hosts", "role"),
    [
        ("127.0.0.1", LOCAL, Role.OPERATOR),
        ("::1", ["localhost"], Role.OPERATOR),
        ("0.0.0.0", LOCAL, Role.VIEWER),
        ("192.168.1.7", LOCAL, Role.VIEWER),
        (None, LOCAL, Role.VIEWER),
        # Bound to loopback, but reached through a proxy under a public name, or under any name at all.
        ("127.0.0.1", [*LOCAL, "ops.example.com"], Role.VIEWER),
        ("127.0.0.1", ["*"], Role.VIEWER),
        ("127.0.0.1", [], Role.VIEWER),
    ],
)
@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("proxied_by", ["", "server.baseUrlPath"])
@pytest.mark.parametrize("headers", [BROWSER, (*BROWSER, "X-Forwarded-For"), (*BROWSER, OTHER_USER), ()])
def test_without_a_sign_in_only_this_machine_operates_where_it_is_told_so_and_nothing_speaks_against_it(
    address: str | None, hosts: list[str], role: Role, switch: bool, proxied_by: str, headers: tuple[str, ...]
) -> None:
    someone = local_person(Served(address, hosts, switch, proxied_by), headers)

    plain = headers in (BROWSER, ())
    assert someone.role is (role if switch and not proxied_by and plain else Role.VIEWER)
    assert someone.reason


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-Host", "X-Real-Ip", "X-Amzn-Trace-Id", "X-Envoy-Internal", "X-Request-Id"]
    + ["Cf-Ray", "CF-Connecting-IP", "True-Client-Ip", "Fly-Client-Ip", "Tailscale-User-Login", "CDN-Loop"],
)
def test_what_a_proxy_adds_takes_the_rights_away_and_is_named(header: str) -> None:
    someone = local_person(Served("127.0.0.1", LOCAL, True), (*BROWSER, header))

    assert someone.role is Role.VIEWER
    assert header.lower() in someone.reason


def test_the_page_says_how_to_allow_it() -> None:
    assert "LOCAL_OPERATOR=on" in local_person(Served("127.0.0.1", sorted(LOOPBACK), False), BROWSER).reason


ANN = {"email": "ann@example.com", "email_verified": True, "iat": NOW, "sub": "4711"}


@pytest.mark.parametrize(
    "claims",
    [{}, {"email": "Ann@EXAMPLE.com"}, {"iat": NOW + CLOCK_SKEW_S}, {"iat": NOW - SIGN_IN_S}, {"iat": NOW + 0.5}],
)
def test_a_sign_in_operates_when_it_is_fresh_verified_and_named(claims: dict[str, object]) -> None:
    someone = signed_in_person(ANN | claims, {"ANN@example.com"}, NOW)

    assert (someone.role, someone.name) == (Role.OPERATOR, str(claims.get("email", "ann@example.com")))


@pytest.mark.parametrize("verified", [False, None, "true", "True", "false", "", 1, 1.0, 0, [True], {"is": True}])
def test_an_address_is_verified_by_true_alone(verified: object) -> None:
    someone = signed_in_person(ANN | {"email_verified": verified}, {"ann@example.com"}, NOW)

    assert someone.role is Role.VIEWER
    assert "has not verified" in someone.reason


def test_a_provider_that_says_nothing_of_the_address_has_not_verified_it() -> None:
    claims = {name: value for name, value in ANN.items() if name != "email_verified"}

    assert signed_in_person(claims, {"ann@example.com"}, NOW).role is Role.VIEWER


@pytest.mark.parametrize(
    "issued",
    [
        NOW - SIGN_IN_S - 1,
        NOW + CLOCK_SKEW_S + 1,
        NOW * 1000,
        math.nan,
        math.inf,
        -math.inf,
        str(NOW),
        True,
        None,
        [NOW],
    ],
)
def test_a_sign_in_counts_from_its_moment_for_twelve_hours(issued: object) -> None:
    assert signed_in_person(ANN | {"iat": issued}, {"ann@example.com", "sub:4711"}, NOW).role is Role.VIEWER


@pytest.mark.parametrize(
    ("email", "operator"),
    [
        ("opſ@example.com", "ops@example.com"),
        ("ops@example.com", "opſ@example.com"),
        ("ops@ſtrasse.example", "ops@strasse.example"),
        ("ops@straße.example", "ops@strasse.example"),
        ("\u212aim@example.com", "kim@example.com"),
        ("İda@example.com", "i\u0307da@example.com"),
        ("ıda@example.com", "ida@example.com"),
        ("Émile@example.com", "émile@example.com"),
        ("caf\u00e9@example.com", "cafe\u0301@example.com"),
        (" ann@example.com", "ann@example.com"),
        ("ann@example.com\n", "ann@example.com"),
        ("ann@example.com\x00", "ann@example.com"),
        ("bob@example.com", "ann@example.com"),
        (["ann@example.com"], "ann@example.com"),
        ("", "ann@example.com"),
        (None, "ann@example.com"),
        # An address that looks like an entry for a subject.
        ("sub:4711", "sub:4711"),
    ],
)
def test_an_address_is_anothers_unless_only_the_case_of_ascii_letters_differs(email: object, operator: str) -> None:
    assert signed_in_person(ANN | {"email": email, "sub": "1"}, {operator}, NOW).role is Role.VIEWER


def test_an_address_beyond_ascii_is_compared_exactly() -> None:
    assert signed_in_person(ANN | {"email": "émile@example.com"}, {"émile@example.com"}, NOW).role is Role.OPERATOR


def test_a_subject_is_compared_exactly_and_is_who_acted() -> None:
    claims = {"sub": "AbC-1", "email": "boss@example.com", "iat": NOW}

    someone = signed_in_person(claims, {"sub:AbC-1"}, NOW)

    assert (someone.role, someone.name) == (Role.OPERATOR, "sub:AbC-1")
    for other in ("abc-1", "AbC-1 ", "", 1, None):
        assert signed_in_person(claims | {"sub": other}, {"sub:AbC-1", "sub:"}, NOW).role is Role.VIEWER


@pytest.mark.parametrize(
    ("claims", "name"), [({"email": "bob@example.com"}, "bob@example.com"), ({"sub": "4711"}, "4711"), ({}, "unknown")]
)
def test_a_viewer_has_a_name_too(claims: dict[str, object], name: str) -> None:
    assert signed_in_person(claims | {"iat": NOW}, {"ann@example.com"}, NOW).name == name


def test_operators_are_listed_with_commas_between() -> None:
    listed = operators_of(" ann@example.com,,sub:248289761001 , émile@exämple.com ")

    assert listed == {"ann@example.com", "sub:248289761001", "émile@exämple.com"}
    assert operators_of("") == operators_of(" , ") == frozenset()


@pytest.mark.parametrize(
    "setting",
    ["*", "*@example.com", "ann", "@example.com", "ann@", "sub:", "ann@example.com;bob@example.com"]
    + ["ann@example.com bob@example.com", "Ann <ann@example.com>", "ann@example.com\u202e", "sub:a\x00b", "a@b@c"],
)
def test_what_names_nobody_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(NotConfigured, match="OPERATORS"):
        operators_of(f"bob@example.com,{setting}")
