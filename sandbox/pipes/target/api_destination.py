"""Calls API destinations over HTTP, as Pipes does (facts/aws-pipes.md, sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import aiohttp
from yarl import URL

from sandbox.aws.calls import AwsCallFailed
from sandbox.pipes.syntax.http_parameters import HttpParameters, with_query
from sandbox.pipes.syntax.json_paths import compact, parse
from sandbox.pipes.target.destinations import Destination, Destinations, DestinationUnusable
from sandbox.pipes.target.oauth import ClientCredentials, TokenRefused, Tokens, TokenUnreachable
from sandbox.pipes.target.outcomes import Outcome, Rejected, Request, Response, Unreachable, judge
from sandbox.pipes.target.rate_limit import RateLimits

#: An endpoint has this long for its whole answer.
INVOCATION_TIMEOUT_S = 5.0
#: What the Range header asks for at most, and so what is read at most.
_RESPONSE_LIMIT = 1_048_576

#: Shorter than the 5 s after which many servers close an idle connection, so that they rarely meet.
_KEEP_ALIVE_S = 4.0

_UNABLE = "Unable to invoke ApiDestination endpoint:"

#: Statuses after which an OAuth token is fetched anew.
_TOKEN_REFUSED = frozenset({401, 407})

_STANDARD_HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": f"bytes=0-{_RESPONSE_LIMIT - 1}",
    "Accept-Encoding": "gzip,deflate",
}

#: Headers that a pipe or a connection cannot set: they are left out when supplied.
_REMOVED_HEADERS = frozenset(
    """
    a-im accept-charset accept-datetime accept-encoding cache-control connection content-encoding content-length
    content-md5 date expect forwarded from host http2-settings if-match if-modified-since if-none-match if-range
    if-unmodified-since max-forwards origin pragma proxy-authorization range referer te trailer transfer-encoding
    user-agent upgrade via warning
    """.split()  # noqa: SIM905
)


class ConnectionFailures(Enum):
    """How a connection that fails before an answer is read (facts, section 3; open point 4)."""

    INTERNAL = "internal"
    """As an error of Pipes: tried again without end, not counted."""
    CUSTOMER = "customer"
    """As an error of the customer: counted against MaximumRetryAttempts."""


class ApiDestinations:
    """The HTTP client of all pipes. Connections are kept alive: a deviation from AWS that saves a handshake."""

    def __init__(self, destinations: Destinations, connection_failures: ConnectionFailures) -> None:
        self._destinations = destinations
        self._connection_failures = connection_failures
        self._limits = RateLimits()
        self._tokens = Tokens()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client. Must run on the loop that will use it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            timeout=aiohttp.ClientTimeout(total=INVOCATION_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept",),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def forget(self) -> None:
        """A connection or an API destination was changed: look everything up again, tokens included."""
        self._destinations.forget()
        self._tokens.forget()

    async def invoke(self, arn: str, http: HttpParameters, event: Any, body: str) -> Outcome:
        """Send one batch to a destination and say what came of it.

        `event` is what the HTTP parameters are read from, `body` the transformed batch. Waits for the destination's
        rate limit first.
        """
        try:
            destination = await self._destinations.get(arn)
        except DestinationUnusable as error:
            return Rejected(f"{_UNABLE} {error}", "DestinationUnusable", False)
        except AwsCallFailed as error:
            return Unreachable(f"Unable to read the API destination: {error}")
        url = http.url(destination.endpoint, event, destination.query_names)
        request = Request(destination.method, url, _request_headers(http.headers), body)
        await self._limits.of(arn, destination.rate_limit).admit()
        if destination.credentials is None:
            return await self._send(destination, request, destination.headers, destination.secrets)
        return await self._send_with_token(destination, request, destination.credentials)

    async def _send_with_token(
        self, destination: Destination, request: Request, credentials: ClientCredentials
    ) -> Outcome:
        """Send with a token; should the endpoint refuse it, once more with a new one, as the same attempt."""
        assert self._session is not None, "start() comes first"
        outcome: Outcome | None = None
        for is_last in (False, True):
            try:
                token = await self._tokens.get(self._session, destination.connection_arn, credentials)
            except TokenRefused as error:
                return Rejected(f"{_UNABLE} {error}", "AuthorizationFailed", error.retryable, error.status, request)
            except TokenUnreachable as error:
                return self._unreachable(f"{_UNABLE} {error}", request)
            headers = {**destination.headers, "Authorization": f"Bearer {token}"}
            outcome = await self._send(destination, request, headers, (*destination.secrets, token))
            if is_last or not (isinstance(outcome, Rejected) and outcome.status in _TOKEN_REFUSED):
                break
            self._tokens.discard(destination.connection_arn, token)
        assert outcome is not None
        return outcome

    async def _send(
        self, destination: Destination, request: Request, added: Mapping[str, str], secrets: tuple[str, ...]
    ) -> Outcome:
        assert self._session is not None, "start() comes first"
        headers = _merged(request.headers, added)
        data = with_body_parameters(request.body, destination.body).encode(errors="replace")
        try:
            url = URL(with_query(request.url, list(destination.query)), encoded=True)
            async with self._session.request(
                request.method, url, headers=headers, data=data, allow_redirects=False
            ) as answer:
                return judge(request, await _read(answer, secrets))
        except TimeoutError:
            text = f"{_UNABLE} Timeout calling endpoint for API Destination: socket closed."
            return Rejected(text, "Timeout", True, request=request)
        except (aiohttp.ClientConnectionError, OSError):
            return self._unreachable(f"{_UNABLE} API destination endpoint cannot be reached.", request)
        except (aiohttp.ClientError, ValueError) as error:
            text = f"{_UNABLE} no valid HTTP exchange ({type(error).__name__})."
            return Rejected(text, "InvalidExchange", True, request=request)

    def _unreachable(self, text: str, request: Request) -> Rejected | Unreachable:
        if self._connection_failures is ConnectionFailures.CUSTOMER:
            return Rejected(text, "EndpointUnreachable", True, request=request)
        return Unreachable(text, request)


def _request_headers(added: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return _merged(_STANDARD_HEADERS, dict(added)) if added else _STANDARD_HEADERS


def _merged(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Both, without what may not be set. Names are compared without case, and `added` wins."""
    allowed = {name: value for name, value in added.items() if name.lower() not in _REMOVED_HEADERS}
    taken = {name.lower() for name in allowed}
    return {**{name: value for name, value in headers.items() if name.lower() not in taken}, **allowed}


def with_body_parameters(body: str, parameters: Mapping[str, str]) -> str:
    """The body with the connection's body parameters added, where it is a JSON object."""
    if not parameters:
        return body
    try:
        parsed = parse(body)
    except ValueError:
        return body
    return compact({**parsed, **parameters}) if isinstance(parsed, dict) else body


async def _read(answer: aiohttp.ClientResponse, secrets: tuple[str, ...]) -> Response:
    """The answer as far as it came: once there is a status, a body that breaks off changes nothing."""
    body = bytearray()
    try:
        while len(body) < _RESPONSE_LIMIT:
            chunk = await answer.content.read(_RESPONSE_LIMIT - len(body))
            if not chunk:
                break
            body += chunk
    except aiohttp.ClientPayloadError:
        answer.close()
    text = body.decode(errors="replace")
    headers = dict(answer.headers)
    for secret in secrets:
        text = text.replace(secret, "***")
        headers = {name: value.replace(secret, "***") for name, value in headers.items()}
    return Response(answer.status, headers, text)
