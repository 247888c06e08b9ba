"""An ASGI app on a loopback port, inside the sandbox's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from core.bounded_http import BoundedConnection, Bounds


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the sandbox decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening-ready TCP socket; port 0 takes a free one. Raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return sock


#: Turns of the event loop after which asyncio has made a connection known that it accepted.
_TURNS_TO_BE_KNOWN = 3


async def close_listener(server: asyncio.Server) -> None:
    """Refuse connections from now on. Those that were accepted are known to their protocol when this returns.

    `Server.close` alone loses a connection that was accepted a turn ago: it is neither served nor closed.
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock)
    for _ in range(_TURNS_TO_BE_KNOWN):
        await asyncio.sleep(0)
    server.close()


class _Connection(BoundedConnection):
    """A connection of the AWS port or the admin port."""

    bounds = Bounds(connections=2_000, head_bytes=65_536)


class HttpServer:
    """Serves one ASGI app until it is stopped. Keep-alive is long, so that idle client pools stay usable."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self._sock = sock
        #: The port it listens on; known after its end, too.
        self.port = int(sock.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Connection,
                # Nothing here is a WebSocket: the wish to become one is passed over, and the request stays one.
                ws="none",
                log_level="error",
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when connections are accepted. Raises what kept the server from starting."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the HTTP server ended before it had started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Closes the listener and its connections."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
