"""The API keys that the sandbox's Momento accepts: minted at start, checked on every call.

One ring holds one key in the two forms that people paste. A v2 key is a JWT whose claim `t` is "g", which is all
that the SDKs look at. A v1 key is base64 JSON of an endpoint and an inner `api_key`; gRPC clients send the inner
one, API destinations send the whole (facts/momento.md sections 1 and 2), so both are accepted.

Assumed: a key that is revoked ends no stream that is open; the next call or subscription is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time

import jwt


class KeyRing:
    """One minted key in its v2 and v1 forms. Neither shows in the repr."""

    def __init__(self, v2_key: str, v1_endpoint: str, v1_inner_key: str) -> None:
        self.v2_key = v2_key
        self.v1_key = _v1_key(v1_endpoint, v1_inner_key)
        self._known = frozenset({v2_key, v1_inner_key, self.v1_key})
        self._revoked = False

    @classmethod
    def mint(cls, host: str) -> KeyRing:
        """A ring with a fresh random key; `host` is what its v1 form gives as the endpoint."""
        claims = {"t": "g", "jti": secrets.token_hex(8), "iat": int(time.time())}
        v2_key = jwt.encode(claims, secrets.token_bytes(32), algorithm="HS256")
        return cls(v2_key, host, secrets.token_urlsafe(32))

    def check(self, token: str) -> bool:
        """Whether the token is the ring's key, in any of its forms, and not revoked."""
        if self._revoked or not token:
            return False
        return token in self._known or _inner_key(token) in self._known

    def revoke(self) -> None:
        """Refuse the key from now on."""
        self._revoked = True

    def restore(self) -> None:
        """Accept the key again."""
        self._revoked = False

    def __repr__(self) -> str:
        return f"KeyRing({'revoked' if self._revoked else 'valid'})"


def _v1_key(endpoint: str, inner_key: str) -> str:
    blob = json.dumps({"endpoint": endpoint, "api_key": inner_key})
    return base64.b64encode(blob.encode()).decode()


def _inner_key(token: str) -> str:
    """The `api_key` inside a v1 key whose JSON is laid out in another way; "" when it is not a v1 key."""
    try:
        blob = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return ""
    inner_key = blob.get("api_key") if isinstance(blob, dict) else None
    return inner_key if isinstance(inner_key, str) else ""
