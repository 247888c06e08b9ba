"""Request bodies are read up to a limit: what is larger or endless is cut off. core/bounded_http.py bounds the time."""

from __future__ import annotations

from starlette.types import Message, Receive


class BodyTooLarge(Exception):
    """Raised when a body has, or announces, more bytes than allowed; nothing more of it is read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit:,} bytes, the most that is taken here.")


class BodyCutShort(Exception):
    """Raised when the sender is gone before the body was complete; there is nobody to answer."""


async def read_at_most(receive: Receive, limit: int, announced: bytes = b"") -> bytes:
    """The whole body of a request whose Content-Length is `announced` (empty when it has none).

    Raises BodyTooLarge and BodyCutShort.
    """
    # More digits than any limit has: Python reads a number of any length, at a cost.
    if len(announced) > 19 or (announced.isdigit() and int(announced) > limit):
        raise BodyTooLarge(limit)
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
