"""The HTTP port: uvicorn's HTTP/1.1 protocol for one ASGI app, within bounds, closed and opened again on the same port.

uvicorn's own `Server` is not used: it takes over the process's signals, and its shutdown waits for open requests
to end, where a Momento that stops must drop them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from core.bounded_http import BoundedConnection, Bounds
from sandbox.http_server import close_listener
from sandbox.momento.http_api import refusal_of_the_port
from sandbox.momento.http_faults import RESET

#: Longer than the 15 s after which aiohttp, the client of the Pipes runtime, drops an idle connection: the client
#: always closes first, so no request meets a connection that is just being closed.
KEEP_ALIVE_SECONDS = 75


#: Each of the three pipes has a few; a load test of the dashboard has 50.
MOST_CONNECTIONS = 1_000


class _Connection(BoundedConnection):
    """A connection that an app may also reset, and that refuses in Momento's words."""

    bounds = Bounds(connections=MOST_CONNECTIONS)

    def refusal(self, status: int, words: str) -> tuple[str, bytes]:
        return refusal_of_the_port(status, words)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: Any = {RESET: self._reset}
        self.scope["extensions"] = extensions

    def _reset(self) -> None:
        # With no time to linger, closing sends RST where it would have sent FIN.
        no_linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.transport.abort()


class HttpListener:
    """Serves the ASGI app on `host`."""

    def __init__(self, host: str, app: Any) -> None:
        self._host = host
        self._config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> int:
        """Listen on the port, any free one for 0; returns it. Raises OSError when it cannot be had."""
        server = await asyncio.get_running_loop().create_server(self._connection, self._host, port)
        self._server = server
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Refuse connections from now on, drop the open ones, and wait for their requests to notice."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await close_listener(server)
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks))
        await server.wait_closed()

    def _connection(self) -> asyncio.Protocol:
        return _Connection(config=self._config, server_state=self._state, app_state={})
