"""Bodies of requests are read up to a limit and within a time."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from sandbox.bodies import BodyCutShort, BodyTooSlow, read_at_most


async def test_a_body_that_does_not_end_in_time_is_cut_off() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BodyTooSlow):
        await read_at_most(receive, 1_000_000, within_s=0.1)


async def test_a_sender_that_is_gone_is_not_waited_for() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(BodyCutShort):
        await read_at_most(receive, 10)
