"""The gRPC port: a `grpc.aio` server that can be closed and opened again on the same port."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

#: Python and Node clients ping every 5 s without data; a default server ends their connection after about 70 s
#: ("too many pings"). Messages are up to 10 MB in the Node SDK. Both from facts/momento.md section 3.
#: A default server also cancels calls at random once 1,000 wait to be accepted, which a burst of 2,000
#: subscriptions reaches (measured with grpcio 1.85.1).
OPTIONS = (
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 11_000_000),
    ("grpc.max_send_message_length", 11_000_000),
    ("grpc.server.max_pending_requests", 10_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    ("grpc.so_reuseport", 0),
    # A key of either kind takes less than 1 kB.
    ("grpc.max_metadata_size", 16_384),
)
#: Calls at once, open subscriptions included; one more is RESOURCE_EXHAUSTED.
MOST_CALLS = 5_000


class GrpcListener:
    """Serves the handlers on `host`. Every opening is a new server, since a stopped one cannot start again."""

    def __init__(self, host: str, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._host = host
        self._handlers = tuple(handlers)
        self._server: grpc.aio.Server | None = None

    async def open(self, port: int) -> int:
        """Listen on the port, any free one for 0; returns it. Raises RuntimeError when it cannot be had."""
        server = grpc.aio.server(handlers=self._handlers, options=OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
        bound = server.add_insecure_port(f"{self._host}:{port}")
        await server.start()
        self._server = server
        return bound

    async def close(self) -> None:
        """Refuse connections from now on and end every call that is open (UNAVAILABLE for its client)."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(grace=None)
