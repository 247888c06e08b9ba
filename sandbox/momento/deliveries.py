"""What API destinations delivered, as the ledger needs it: one number per request, kept until it is taken.

A request is known again by the hash of its method, path, query and body, so that noting one costs next to nothing
and a long unobserved replay fits in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.momento.http_request import Request
from sandbox.pipes.syntax.json_paths import compact, parse

#: How many numbers are kept when nobody takes them: some 20 MB.
LIMIT = 500_000
#: The largest batch of a pipe. A longer array is none of theirs, and counts as a whole.
LARGEST_BATCH = 10_000
#: By this EventBridge's own requests are known; whoever else calls the API is none of the ledger's business.
USER_AGENT = b"Amazon/EventBridge/ApiDestinations"

#: What is kept of a request. Where the body is a JSON array, that of each element follows the one of the whole.
Seen = int | tuple[int, ...]


@dataclass(frozen=True)
class Deliveries:
    """Fingerprints of requests in the order of their answers, and how many there was no room for."""

    fingerprints: tuple[Seen, ...]
    missed: int


class DeliveryLog:
    """The requests that were answered with success since they were last taken."""

    def __init__(self) -> None:
        self._fingerprints: list[Seen] = []
        self._numbers = 0
        self._missed = 0

    def note(self, request: Request) -> None:
        """Keep the request if an API destination sent it."""
        if request.headers.get(b"user-agent") != USER_AGENT:
            return
        if self._numbers >= LIMIT:
            self._missed += 1
            return
        where = (request.scope["method"], request.scope["raw_path"], request.scope["query_string"])
        whole = fingerprint(*where, request.body)
        elements = _elements(request.body)
        self._numbers += 1 + len(elements)
        self._fingerprints.append(
            (whole, *(element_fingerprint(*where, each) for each in elements)) if elements else whole
        )

    def take(self) -> Deliveries:
        """What was noted, which is then forgotten."""
        taken = Deliveries(tuple(self._fingerprints), self._missed)
        self._fingerprints, self._numbers, self._missed = [], 0, 0
        return taken


def fingerprint(method: str, raw_path: bytes, query: bytes, body: bytes) -> int:
    """A number for one request, good for this process only."""
    return hash((method, raw_path, query, body))


def element_fingerprint(method: str, raw_path: bytes, query: bytes, element: Any) -> int:
    """A number for one element of a batch, however its JSON is written."""
    return hash((method, raw_path, query, compact(element), "element"))


def _elements(body: bytes) -> list[Any]:
    """The elements of a JSON array that a batch may be, none for any other body."""
    if not body.startswith(b"["):
        return []
    try:
        elements = list(parse(body))
    except ValueError:
        return []
    return elements if len(elements) <= LARGEST_BATCH else []
