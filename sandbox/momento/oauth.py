"""Access tokens for the HTTP API by the client credentials grant (RFC 6749, section 4.4).

The real Momento has no such endpoint. It is here so that a connection of the kind OAUTH_CLIENT_CREDENTIALS can be
tried, with everything that can go wrong about it. Tokens are good for the HTTP API only, as `Bearer <token>`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

#: How long a token is good for, in seconds.
LIFETIME_S = 3600.0
#: How many tokens are good at once; one more ends the oldest.
MOST_TOKENS = 1_000

_BEARER = "Bearer "


class GrantRefused(Exception):
    """Raised when no token is given: `error` is the word of RFC 6749 for it, `status` the HTTP status."""

    def __init__(self, error: str, status: int) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class Credentials:
    """Id and secret of a client."""

    client_id: str
    client_secret: str = field(repr=False)


class TokenIssuer:
    """Gives tokens to one client, and knows them again. Its secrets do not show in the repr."""

    def __init__(self, lifetime_s: float = LIFETIME_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.client_id = "sandbox-" + secrets.token_hex(6)
        self.client_secret = secrets.token_urlsafe(24)
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._ends: dict[str, float] = {}

    def grant(self, authorization: str, body: bytes) -> dict[str, object]:
        """The answer to a token request. The body is a form or a JSON object. Raises GrantRefused."""
        fields = _fields(body)
        if fields.get("grant_type") != "client_credentials":
            raise GrantRefused("unsupported_grant_type", 400)
        given = _from_header(authorization) or Credentials(fields.get("client_id", ""), fields.get("client_secret", ""))
        if not self._is_ours(given):
            raise GrantRefused("invalid_client", 401)
        self._forget_old()
        token = secrets.token_urlsafe(32)
        self._ends[token] = self._clock() + self._lifetime_s
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self._lifetime_s)}

    def check(self, authorization: str) -> bool:
        """Whether the value of the header Authorization is `Bearer` and a token that is still good."""
        if not authorization.startswith(_BEARER):
            return False
        return self._ends.get(authorization.removeprefix(_BEARER), 0.0) > self._clock()

    def _is_ours(self, given: Credentials) -> bool:
        right_id = hmac.compare_digest(given.client_id.encode(), self.client_id.encode())
        return hmac.compare_digest(given.client_secret.encode(), self.client_secret.encode()) and right_id

    def _forget_old(self) -> None:
        """Those whose time is over, and the oldest when there are as many as may be."""
        now = self._clock()
        if len(self._ends) >= MOST_TOKENS:
            del self._ends[next(iter(self._ends))]
        self._ends = {token: end for token, end in self._ends.items() if end > now}


def _fields(body: bytes) -> dict[str, str]:
    text = body.decode(errors="replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        return dict(parse_qsl(text))
    return {str(name): str(value) for name, value in parsed.items()} if isinstance(parsed, dict) else {}


def _from_header(authorization: str) -> Credentials | None:
    """What `Basic` authorization says, None without it. Both parts are percent-encoded (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode(errors="replace").partition(":")
    except (binascii.Error, ValueError):
        return Credentials("", "")
    return Credentials(unquote(client_id), unquote(secret))
