"""The key ring: which forms of its key it accepts, and that it shows none of them."""

from __future__ import annotations

import base64
import json
import warnings

import pytest
from momento import CredentialProvider

from sandbox.momento.keys import KeyRing


def v1_parts(ring: KeyRing) -> dict[str, str]:
    parts: dict[str, str] = json.loads(base64.b64decode(ring.v1_key))
    return parts


def test_the_v2_key_is_one_to_the_sdk() -> None:
    ring = KeyRing.mint(host="127.0.0.1")
    provider = CredentialProvider.from_api_key_v2(ring.v2_key, "somewhere.example")
    assert ring.check(provider.auth_token)


def test_the_v1_key_is_one_to_the_sdk_which_sends_the_inner_key() -> None:
    ring = KeyRing.mint(host="127.0.0.1")
    with pytest.warns(DeprecationWarning, match="from_string"):
        provider = CredentialProvider.from_string(ring.v1_key)
    assert provider.cache_endpoint == "cache.127.0.0.1"
    assert provider.auth_token == v1_parts(ring)["api_key"]
    assert ring.check(provider.auth_token)


def test_a_whole_v1_key_is_accepted_however_its_json_is_laid_out() -> None:
    ring = KeyRing.mint(host="127.0.0.1")
    spaced = json.dumps({"api_key": v1_parts(ring)["api_key"], "endpoint": "x"}, indent=4)
    assert ring.check(ring.v1_key)
    assert ring.check(base64.b64encode(spaced.encode()).decode())


@pytest.mark.parametrize(
    "token",
    ["", "wrong", "Zm9v", "W10=", "bnVsbA==", base64.b64encode(b'{"api_key": 7}').decode(), "e\u00e9", "\udcff"],
)
def test_anything_else_is_refused(token: str) -> None:
    assert not KeyRing.mint(host="127.0.0.1").check(token)


def test_the_key_of_another_ring_or_with_a_scheme_before_it_is_refused() -> None:
    ring, other = KeyRing.mint(host="127.0.0.1"), KeyRing.mint(host="127.0.0.1")
    assert not ring.check(other.v2_key)
    assert not ring.check(other.v1_key)
    assert not ring.check(f"Bearer {ring.v2_key}")


def test_a_revoked_key_is_refused_in_every_form_until_it_is_restored() -> None:
    ring = KeyRing.mint(host="127.0.0.1")
    forms = (ring.v2_key, ring.v1_key, v1_parts(ring)["api_key"])
    ring.revoke()
    assert not any(ring.check(form) for form in forms)
    ring.restore()
    assert all(ring.check(form) for form in forms)


def test_the_repr_shows_no_key() -> None:
    ring = KeyRing.mint(host="127.0.0.1")
    for form in (ring.v2_key, ring.v1_key, v1_parts(ring)["api_key"]):
        assert form not in repr(ring)


def test_minting_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KeyRing.mint(host="127.0.0.1")
