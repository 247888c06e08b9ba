"""OAuth client credentials: the access tokens of connections (facts/aws-pipes.md, section 3).

A token is fetched when it is first needed, kept until it expires, and fetched anew when the endpoint refuses it.
Pipes that need the same token at the same time wait for one fetch. No secret leaves this module but the token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.pipes.syntax.json_paths import parse

#: A token is not used in its last seconds: it might expire on the way.
_MARGIN_S = 5.0
#: How long a token counts that does not say when it expires.
_DEFAULT_LIFETIME_S = 3600.0


class TokenRefused(Exception):
    """Raised when the authorization endpoint gives no token. `status` is its answer's, `retryable` what it means."""

    def __init__(self, message: str, status: int | None, *, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable


class TokenUnreachable(Exception):
    """Raised when the authorization endpoint cannot be reached, or does not answer in time."""


@dataclass(frozen=True)
class ClientCredentials:
    """How a connection gets its token. Everything but the endpoint may be secret."""

    endpoint: str
    method: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str] = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the grant, with what the connection adds."""
        grant = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        return {**grant, **self.body}


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    expires_s: float


class Tokens:
    """The tokens of all connections, by the connection's ARN."""

    def __init__(self) -> None:
        self._tokens: dict[str, _Token] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    def forget(self) -> None:
        """A connection was changed: no token is used any more."""
        self._tokens.clear()

    async def get(self, session: aiohttp.ClientSession, arn: str, credentials: ClientCredentials) -> str:
        """The token of a connection. Raises TokenRefused and TokenUnreachable."""
        if (known := self._valid(arn)) is not None:
            return known
        async with self._fetching.setdefault(arn, asyncio.Lock()):
            # Another pipe may have fetched it while this one waited.
            if (known := self._valid(arn)) is not None:
                return known
            self._tokens[arn] = token = await _fetch(session, credentials)
            return token.text

    def discard(self, arn: str, refused: str) -> None:
        """The endpoint refused a token: the next one who asks gets another, unless there is another already."""
        token = self._tokens.get(arn)
        if token is not None and token.text == refused:
            del self._tokens[arn]

    def _valid(self, arn: str) -> str | None:
        token = self._tokens.get(arn)
        return token.text if token is not None and time.monotonic() < token.expires_s else None


async def _fetch(session: aiohttp.ClientSession, credentials: ClientCredentials) -> _Token:
    in_query = credentials.method == "GET"
    query = {**credentials.query, **(credentials.form if in_query else {})}
    try:
        async with session.request(
            credentials.method,
            credentials.endpoint,
            params=query,
            data=None if in_query else credentials.form,
            headers=dict(credentials.headers),
            allow_redirects=False,
        ) as answer:
            return _token_of(answer.status, await answer.text(errors="replace"))
    except (aiohttp.ClientConnectionError, TimeoutError, OSError) as error:
        raise TokenUnreachable("The authorization endpoint cannot be reached.") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise TokenRefused("The authorization endpoint speaks no valid HTTP.", None, retryable=True) from error


def _token_of(status: int, text: str) -> _Token:
    if not 200 <= status < 300:
        retryable = status >= 500 or status in (401, 407, 409, 429)
        raise TokenRefused(f"The authorization endpoint answered with status {status}.", status, retryable=retryable)
    try:
        answer: Any = parse(text)
        token, lifetime = answer["access_token"], float(answer.get("expires_in", _DEFAULT_LIFETIME_S))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        token, lifetime = None, 0.0
    if not isinstance(token, str) or not token:
        raise TokenRefused("The authorization endpoint's answer holds no access_token.", status, retryable=True)
    return _Token(token, time.monotonic() + max(0.0, lifetime - _MARGIN_S))
