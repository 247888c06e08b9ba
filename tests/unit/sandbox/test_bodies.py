"""Bodies of requests are read up to a limit."""

from __future__ import annotations

import pytest
from starlette.types import Message

from sandbox.bodies import BodyCutShort, BodyTooLarge, read_at_most


async def test_a_body_that_does_not_end_is_read_up_to_the_limit() -> None:
    pieces = 0

    async def receive() -> Message:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    with pytest.raises(BodyTooLarge, match="larger than 95 bytes"):
        await read_at_most(receive, 95)
    assert pieces == 10


async def test_a_sender_that_is_gone_is_not_waited_for() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(BodyCutShort):
        await read_at_most(receive, 10)
