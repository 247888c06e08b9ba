"""Calls API destinations over HTTP, as Pipes does (facts/aws-pipes.md, sections 3 and 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from sandbox.aws.calls import AwsCallFailed
from sandbox.pipes.destinations import Destination, Destinations, DestinationUnusable
from sandbox.pipes.http_parameters import HttpParameters, with_query
from sandbox.pipes.json_paths import compact

#: An endpoint has this long for its whole answer.
INVOCATION_TIMEOUT_S = 5.0
#: What the Range header asks for at most, and so what is read at most.
_RESPONSE_LIMIT = 1_048_576

#: Shorter than the 5 s after which many servers close an idle connection, so that they rarely meet.
_KEEP_ALIVE_S = 4.0

#: Statuses that are tried again, besides all of 5xx.
_RETRYABLE = frozenset({401, 407, 409, 429})

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


@dataclass(frozen=True)
class Request:
    """The request as the logs may show it: without anything that the connection added."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str

    def as_json(self) -> str:
        """The text of awsRequest. Its inner shape is an assumption."""
        return compact({"method": self.method, "url": self.url, "headers": dict(self.headers), "body": self.body})


@dataclass(frozen=True)
class Response:
    """The answer of the endpoint, with the connection's secrets masked should it repeat them."""

    status: int
    headers: Mapping[str, str]
    body: str

    def as_json(self) -> str:
        """The text of awsResponse. Its inner shape is an assumption."""
        return compact({"statusCode": self.status, "headers": dict(self.headers), "body": self.body})


@dataclass(frozen=True)
class Delivered:
    """The endpoint answered with a 2xx."""

    request: Request
    response: Response


@dataclass(frozen=True)
class Rejected:
    """A customer error: it counts against MaximumRetryAttempts. `status` is None when there was no answer."""

    message: str
    kind: str
    retryable: bool
    status: int | None = None
    request: Request | None = None
    response: Response | None = None
    retry_after_s: float = 0.0


@dataclass(frozen=True)
class Unreachable:
    """A pipe-internal error: the connection failed before an answer. It is tried again without being counted."""

    message: str
    request: Request | None = None


Outcome = Delivered | Rejected | Unreachable


class ApiDestinations:
    """The HTTP client of all pipes. Connections are kept alive: a deviation from AWS that saves a handshake."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
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

    async def invoke(self, arn: str, http: HttpParameters, event: Any, body: str) -> Outcome:
        """Send one event to a destination and say what came of it. `body` is the transformed event."""
        try:
            destination = await self._destinations.get(arn)
        except DestinationUnusable as error:
            return Rejected(f"Unable to invoke ApiDestination endpoint: {error}", "DestinationUnusable", False)
        except AwsCallFailed as error:
            return Unreachable(f"Unable to read the API destination: {error}")
        url = http.url(destination.endpoint, event, destination.query_names)
        request = Request(destination.method, url, _request_headers(http.headers), body)
        return await self._send(destination, request)

    async def _send(self, destination: Destination, request: Request) -> Outcome:
        assert self._session is not None, "start() comes first"
        headers = _merged(request.headers, destination.headers)
        data = _with_body_parameters(request.body, destination.body).encode(errors="replace")
        try:
            url = URL(with_query(request.url, list(destination.query)), encoded=True)
            async with self._session.request(
                request.method, url, headers=headers, data=data, allow_redirects=False
            ) as answer:
                return _judge(request, await _read(answer, destination))
        except TimeoutError:
            text = (
                "Unable to invoke ApiDestination endpoint: Timeout calling endpoint for API Destination: socket closed."
            )
            return Rejected(text, "Timeout", True, request=request)
        except (aiohttp.ClientConnectionError, OSError):
            text = "Unable to invoke ApiDestination endpoint: API destination endpoint cannot be reached."
            return Unreachable(text, request)
        except (aiohttp.ClientError, ValueError) as error:
            text = f"Unable to invoke ApiDestination endpoint: no valid HTTP exchange ({type(error).__name__})."
            return Rejected(text, "InvalidExchange", True, request=request)


def _request_headers(added: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return _merged(_STANDARD_HEADERS, dict(added)) if added else _STANDARD_HEADERS


def _merged(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Both, without what may not be set. Names are compared without case, and `added` wins."""
    allowed = {name: value for name, value in added.items() if name.lower() not in _REMOVED_HEADERS}
    taken = {name.lower() for name in allowed}
    return {**{name: value for name, value in headers.items() if name.lower() not in taken}, **allowed}


def _with_body_parameters(body: str, parameters: Mapping[str, str]) -> str:
    """The body with the connection's body parameters added, where it is a JSON object."""
    if not parameters:
        return body
    try:
        parsed = json.loads(body)
    except ValueError:
        return body
    return compact({**parsed, **parameters}) if isinstance(parsed, dict) else body


async def _read(answer: aiohttp.ClientResponse, destination: Destination) -> Response:
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
    for secret in destination.secrets:
        text = text.replace(secret, "***")
        headers = {name: value.replace(secret, "***") for name, value in headers.items()}
    return Response(answer.status, headers, text)


def _judge(request: Request, response: Response) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return Delivered(request, response)
    text = f"Unable to invoke ApiDestination endpoint: The endpoint answered with status {status}."
    return Rejected(text, "EndpointError", status in _RETRYABLE or status >= 500, status, request, response)
