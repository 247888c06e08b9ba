"""What came of sending a batch to an API destination, and how the logs may show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from sandbox.pipes.syntax.json_paths import compact

#: Statuses that are tried again, besides all of 5xx.
_RETRYABLE = frozenset({401, 407, 409, 429})
#: Statuses whose Retry-After is honoured, and how long a pause it may ask for, in s.
_WITH_RETRY_AFTER = frozenset({429, 503})
_LONGEST_RETRY_AFTER_S = 30.0


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


def judge(request: Request, response: Response) -> Delivered | Rejected:
    """What an answer's status means (facts/aws-pipes.md, section 3)."""
    status = response.status
    if 200 <= status < 300:
        return Delivered(request, response)
    text = f"Unable to invoke ApiDestination endpoint: The endpoint answered with status {status}."
    retryable = status in _RETRYABLE or status >= 500
    pause_s = retry_after_s(response.headers, time.time()) if status in _WITH_RETRY_AFTER else 0.0
    return Rejected(text, "EndpointError", retryable, status, request, response, pause_s)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float:
    """Seconds that a Retry-After asks for, at most 30; 0 when there is none that can be read. A date is one, too."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_RETRY_AFTER_S)
    try:
        wanted_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, wanted_s - now_s), _LONGEST_RETRY_AFTER_S)
