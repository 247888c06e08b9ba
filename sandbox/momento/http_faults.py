"""What a fault does to one HTTP request that carries a known key."""

from __future__ import annotations

import asyncio

from sandbox.faults.fault import Fail, Fault
from sandbox.momento.http_request import ClientGone, Receive, Request

#: The name under which the port offers, in the ASGI scope's extensions, a function that resets the connection.
RESET = "sandbox.reset"


async def suffer(fault: Fault, request: Request) -> None:
    """Wait as the fault says, and raise ClientGone when it leaves nobody to answer."""
    if fault.delay_ms:
        await pause(fault.delay_ms / 1000, request.receive)
    if fault.fail is Fail.RESET:
        request.scope["extensions"][RESET]()
    if fault.fail is not None:
        # The request has been read, so the next that comes is the end of the connection.
        await request.receive()
        raise ClientGone


async def pause(seconds: float, receive: Receive) -> None:
    """Wait, unless the client goes first: then raises ClientGone."""
    try:
        async with asyncio.timeout(seconds):
            await receive()
    except TimeoutError:
        return
    raise ClientGone
