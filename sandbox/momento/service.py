"""The sandbox's Momento as one thing: caches and topics behind a gRPC port and an HTTP port, on one asyncio loop.

caches.py, topics.py        what is stored: pure, in memory
cache_rpc.py, control_rpc.py, topic_rpc.py over rpc.py, on grpc_listener.py
http_api.py over http_request.py, on http_listener.py
http_faults.py, grpc_faults.py  what the faults of sandbox/faults do on each wire
oauth.py        access tokens for the HTTP API
keys.py, limits.py, errors.py  what both wires refuse, and how
"""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Any

from sandbox.faults.board import FaultBoard
from sandbox.momento.cache_rpc import CacheRpc
from sandbox.momento.caches import Caches
from sandbox.momento.control_rpc import ControlRpc, ping_handler
from sandbox.momento.deliveries import Deliveries
from sandbox.momento.grpc_faults import FaultyHandlers
from sandbox.momento.grpc_listener import GrpcListener
from sandbox.momento.http_api import HttpApi
from sandbox.momento.http_listener import HttpListener
from sandbox.momento.keys import KeyRing
from sandbox.momento.oauth import TokenIssuer
from sandbox.momento.rpc import ForKnownCallers, UnknownMethods
from sandbox.momento.topic_rpc import TopicRpc
from sandbox.momento.topics import Topics


class Port(Enum):
    """The two ports of Momento."""

    GRPC = "grpc"
    HTTP = "http"


BOTH = frozenset(Port)


class MomentoService:
    """Momento on two ports. Give 0 for any free port; `start` makes `grpc_port` and `http_port` the real ones.

    `faults` are the faults that strike its calls; without, it has a board of its own.
    """

    def __init__(
        self,
        keys: KeyRing,
        host: str = "127.0.0.1",
        grpc_port: int = 0,
        http_port: int = 0,
        faults: FaultBoard | None = None,
    ) -> None:
        self.keys = keys
        self.host = host
        self.grpc_port = grpc_port
        self.http_port = http_port
        self.faults = faults or FaultBoard()
        self._caches = Caches()
        self._topics = Topics()
        self.tokens = TokenIssuer()
        self._api = HttpApi(self._caches, self._topics, keys, self.tokens, self.faults)
        self._http = HttpListener(host, self._api)
        self._topic_rpc = TopicRpc(self._caches, self._topics)
        keyed = (
            CacheRpc(self._caches).handler(),
            self._topic_rpc.handler(),
            ControlRpc(self._caches, self._topics).handler(),
        )
        handlers = (ForKnownCallers(keyed, keys), ping_handler(), UnknownMethods())
        self._grpc = GrpcListener(host, (FaultyHandlers(handlers, self.faults),))
        self._open: set[Port] = set()

    @property
    def http_endpoint(self) -> str:
        """The base URL of the HTTP API."""
        return f"http://{self.host}:{self.http_port}"

    @property
    def listening(self) -> frozenset[Port]:
        """The ports that accept connections."""
        return frozenset(self._open)

    async def start(self) -> None:
        """Open both ports. Raises RuntimeError or OSError, with neither left open, when one cannot be had."""
        await self.start_listening()

    async def start_listening(self, ports: frozenset[Port] = BOTH) -> None:
        """Open the same ports again after `stop_listening`, with everything still there. Raises as `start` does."""
        opening = ports - self._open
        if Port.HTTP in opening:
            self.http_port = await self._http.open(self.http_port)
            self._open.add(Port.HTTP)
        if Port.GRPC in opening:
            try:
                self.grpc_port = await self._grpc.open(self.grpc_port)
            except RuntimeError:
                await self.stop_listening(opening)
                raise
            self._open.add(Port.GRPC)

    async def stop_listening(self, ports: frozenset[Port] = BOTH) -> None:
        """Close ports: connections are refused, open calls and streams end. Caches and topics are kept."""
        if Port.GRPC in ports:
            self._open.discard(Port.GRPC)
            await self._grpc.close()
            await self._topic_rpc.streams_ended()
        if Port.HTTP in ports:
            self._open.discard(Port.HTTP)
            await self._http.close()

    async def close(self) -> None:
        """End for good. Contents are gone with the object."""
        await self.stop_listening()

    def take_deliveries(self) -> Deliveries:
        """The requests of API destinations that were answered with success since this was last called."""
        return self._api.deliveries.take()

    def stats(self) -> dict[str, Any]:
        """Counters since the start: HTTP requests by route and status, cache operations over both wires,
        messages published, and the subscriptions that are open now."""
        return {
            "http": dict(self._api.requests),
            "cache": asdict(self._caches.counts),
            "published": self._topics.published,
            "subscribers": self._topics.subscribers,
        }
