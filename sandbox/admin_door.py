"""The door of the admin port: an ASGI app that lets reading through, and all else with the run's token only.

The token is in the state file and in `python -m sandbox env`, and is sent as `Authorization: Bearer <token>`: a page in
a browser can neither know it nor, without being asked for permission by the browser, send such a header.
"""

from __future__ import annotations

import hmac

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.bodies import BodyCutShort, BodyTooLarge, read_at_most, replayed

#: What may be read without the token: counts and states, and no record's value, key or location.
OPEN = frozenset({"/health", "/status", "/faults", "/faults/fired", "/aws-calls"})
#: The most bytes that an order may have.
LARGEST_BODY = 1_048_576

_NEEDED = "This needs the run's token: Authorization: Bearer $MOMENTO_ADMIN_TOKEN."
_HINT = 'eval "$(python -m sandbox env)" sets it.'


class AdminDoor:
    """Stands before the admin port's routes. Answers in JSON: 401 without the token, 413 for a large body."""

    def __init__(self, inside: ASGIApp, token: str) -> None:
        self._inside = inside
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(scope["headers"])
        status, error = self._refusal(scope, headers)
        body = b""
        if not status:
            try:
                body = await read_at_most(receive, LARGEST_BODY, dict(headers).get(b"content-length", b""))
            except BodyTooLarge as too_large:
                status, error = 413, str(too_large)
            except BodyCutShort:
                return
        if status:
            # Closed, because nobody reads what may be left of the body.
            refusal = JSONResponse({"error": error}, status_code=status, headers={"Connection": "close"})
            if status == 401:
                refusal.headers["WWW-Authenticate"] = "Bearer"
            await refusal(scope, receive, send)
            return
        await self._inside({**scope, "headers": headers}, replayed(body), send)

    def _refusal(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> tuple[int, str]:
        """Status and reason with which a request is refused before its body is read, or 0 and ""."""
        sent = [value for name, value in headers if name == b"authorization"]
        reads = scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN
        if not reads and not (len(sent) == 1 and hmac.compare_digest(sent[0], self._expected)):
            return 401, f"{_NEEDED} {_HINT}"
        kinds = [value for name, value in headers if name == b"content-type"]
        if any(kind.partition(b";")[0].strip().lower() != b"application/json" for kind in kinds):
            return 415, "Orders are JSON: send Content-Type: application/json."
        return 0, ""
