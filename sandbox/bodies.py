"""Request bodies are read up to a limit and within a time: what is larger, slower or endless is cut off."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

#: Seconds within which a body has to be there.
WITHIN_S = 30.0


class BodyTooLarge(Exception):
    """Raised when a body has, or announces, more bytes than allowed; nothing more of it is read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit:,} bytes, the most that is taken here.")


class BodyTooSlow(Exception):
    """Raised when a body is not complete in time."""

    def __init__(self, within_s: float) -> None:
        super().__init__(f"The body was not complete within {within_s:g} seconds.")


class BodyCutShort(Exception):
    """Raised when the sender is gone before the body was complete; there is nobody to answer."""


async def read_at_most(receive: Receive, limit: int, announced: bytes = b"", within_s: float = WITHIN_S) -> bytes:
    """The whole body of a request whose Content-Length is `announced` (empty when it has none).

    Raises BodyTooLarge, BodyTooSlow and BodyCutShort.
    """
    # More digits than any limit has: Python reads a number of any length, at a cost.
    if len(announced) > 19 or (announced.isdigit() and int(announced) > limit):
        raise BodyTooLarge(limit)
    try:
        async with asyncio.timeout(within_s):
            return await _read(receive, limit)
    except TimeoutError as error:
        raise BodyTooSlow(within_s) from error


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyCutShort
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(limit)
        if not message.get("more_body", False):
            return bytes(body)


def replayed(body: bytes) -> Receive:
    """A `receive` that gives a body which was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
