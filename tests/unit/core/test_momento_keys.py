"""Momento keys and endpoints, in every form in which people paste them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotConfigured
from core.momento_keys import (
    KeyKind,
    MomentoAddress,
    for_sandbox,
    for_service,
    kind_of_key,
    normalise_endpoint,
)

PLACE = "cell-4-us-west-2-1.prod.a.momentohq.com"


def jwt(**claims: object) -> str:
    def encoded(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{encoded({'alg': 'HS256'})}.{encoded(claims)}.c2lnbmF0dXJl"


def v1(endpoint: str = PLACE, api_key: str = "inner.api.key") -> str:
    return base64.b64encode(json.dumps({"endpoint": endpoint, "api_key": api_key}).encode()).decode()


V2 = jwt(t="g", id="some")
LEGACY = jwt(c=f"cache.{PLACE}", cp=f"control.{PLACE}", sub="me")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (V2, KeyKind.V2),
        (f"  {V2}\n", KeyKind.V2),
        (v1(), KeyKind.V1),
        (v1().rstrip("="), KeyKind.V1),
        (LEGACY, KeyKind.LEGACY),
    ],
)
def test_each_kind_of_key_is_told_apart(key: str, kind: KeyKind) -> None:
    assert kind_of_key(key) is kind


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "swordfish",
        "a.b.c",
        jwt(t="x"),
        jwt(c=1, cp=2),
        base64.b64encode(b'["endpoint"]').decode(),
        v1(api_key=""),
        "é.é.é",
    ],
)
def test_garbage_is_refused_and_never_quoted(garbage: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        kind_of_key(garbage)

    assert not garbage or garbage not in str(caught.value)


@given(st.text())
def test_any_text_is_a_key_or_not_configured(text: str) -> None:
    try:
        kind_of_key(text)
    except NotConfigured:
        return
    for_service(text, PLACE)


@pytest.mark.parametrize(
    "pasted",
    [
        PLACE,
        f"https://api.cache.{PLACE}",
        f"https://api.cache.{PLACE}/",
        f"api.cache.{PLACE}",
        f"cache.{PLACE}",
        f"control.{PLACE}",
        f"https://{PLACE}/",
        f" {PLACE.upper()} ",
        f"cache.{PLACE}:443",
    ],
)
def test_an_endpoint_is_read_in_every_pasted_form(pasted: str) -> None:
    assert normalise_endpoint(pasted) == PLACE


def test_a_region_name_is_refused_by_name() -> None:
    with pytest.raises(NotConfigured, match="region name us-west-2"):
        normalise_endpoint("us-west-2")


@pytest.mark.parametrize("text", ["", "localhost", "two words.com", "https://", V2, v1()])
def test_what_is_no_host_name_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(NotConfigured, match="not a host name") as caught:
        normalise_endpoint(text)

    assert not text or text not in str(caught.value)


def test_a_v2_key_travels_whole_to_the_endpoint_given() -> None:
    address = for_service(V2, f"https://api.cache.{PLACE}")

    assert address == MomentoAddress(
        cache_target=f"cache.{PLACE}:443",
        control_target=f"control.{PLACE}:443",
        tls=True,
        http_endpoint=f"https://api.cache.{PLACE}",
        token=V2,
        label=PLACE,
    )


def test_a_v2_key_finds_its_endpoint_in_the_settings_of_the_original_demo() -> None:
    address = for_service(V2, None, f"https://api.cache.{PLACE}/")

    assert address.cache_target == f"cache.{PLACE}:443"


def test_a_v2_key_without_any_endpoint_names_what_is_missing() -> None:
    with pytest.raises(NotConfigured) as caught:
        for_service(V2)

    assert caught.value.missing == ("MOMENTO_ENDPOINT",)


def test_a_v1_key_brings_its_endpoint_and_its_inner_key() -> None:
    address = for_service(v1())

    assert address.token == "inner.api.key"
    assert address.cache_target == f"cache.{PLACE}:443"
    assert address.http_endpoint == f"https://api.cache.{PLACE}"


def test_a_legacy_key_brings_its_hosts_and_travels_whole() -> None:
    address = for_service(LEGACY)

    assert (address.cache_target, address.control_target) == (f"cache.{PLACE}:443", f"control.{PLACE}:443")
    assert address.token == LEGACY


def test_an_endpoint_that_contradicts_the_key_is_refused() -> None:
    with pytest.raises(NotConfigured, match="belongs to"):
        for_service(v1(), "cell-1-eu-west-1-1.prod.a.momentohq.com")


def test_the_sandbox_has_one_plaintext_port() -> None:
    address = for_sandbox("127.0.0.1", 4444, "http://127.0.0.1:5555/", "token")

    assert address.cache_target == address.control_target == address.label == "127.0.0.1:4444"
    assert address.http_endpoint == "http://127.0.0.1:5555"
    assert not address.tls


def test_an_address_never_shows_its_token() -> None:
    assert V2 not in repr(for_service(V2, PLACE))


@pytest.mark.parametrize("token", [" ", "two words", "line\nbreak", "é"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_quoted(token: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        for_service(v1(api_key=token))

    assert str(caught.value).startswith("MOMENTO_API_KEY cannot be read")
    assert not token.strip() or token not in str(caught.value)
