"""/control_client.ScsControl (caches: create, delete, list, flush) and /cache_client.Ping.

ListCaches gives the limits that the sandbox enforces. A limit of 0 means that it enforces none, which the real
service never answers.
"""

from __future__ import annotations

from typing import Any

import grpc
from momento_wire_types import controlclient_pb2 as wire

from sandbox.momento.caches import Caches
from sandbox.momento.limits import MAX_ITEM_BYTES, MAX_MESSAGE_BYTES, MAX_TTL_MS
from sandbox.momento.rpc import Context, Metadata, unary
from sandbox.momento.topics import Topics

CACHE_LIMITS = wire._CacheLimits(max_item_size_kb=MAX_ITEM_BYTES // 1024, max_ttl_seconds=MAX_TTL_MS // 1000)
TOPIC_LIMITS = wire._TopicLimits(max_publish_message_size_kb=MAX_MESSAGE_BYTES // 1024)


class ControlRpc:
    """The RPCs over `caches` and the topics inside them."""

    def __init__(self, caches: Caches, topics: Topics) -> None:
        self._caches = caches
        self._topics = topics

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC service; whoever may call it is settled before."""
        methods = {
            "CreateCache": unary(self.create_cache, wire._CreateCacheRequest),
            "DeleteCache": unary(self.delete_cache, wire._DeleteCacheRequest),
            "ListCaches": unary(self.list_caches, wire._ListCachesRequest),
            "FlushCache": unary(self.flush_cache, wire._FlushCacheRequest),
        }
        return grpc.method_handlers_generic_handler("control_client.ScsControl", methods)

    def create_cache(self, request: Any, _: Metadata) -> Any:
        """An empty response. Raises AlreadyExists, and InvalidArgument for an empty name."""
        self._caches.create(request.cache_name)
        return wire._CreateCacheResponse()

    def delete_cache(self, request: Any, _: Metadata) -> Any:
        """An empty response; every subscription in the cache ends. Raises CacheNotFound."""
        self._caches.delete(request.cache_name)
        self._topics.drop(request.cache_name)
        return wire._DeleteCacheResponse()

    def list_caches(self, _request: Any, _metadata: Metadata) -> Any:
        """All caches on one page, with their limits."""
        caches = [
            wire._Cache(cache_name=name, cache_limits=CACHE_LIMITS, topic_limits=TOPIC_LIMITS)
            for name in self._caches.names()
        ]
        return wire._ListCachesResponse(cache=caches)

    def flush_cache(self, request: Any, _: Metadata) -> Any:
        """An empty response once the cache is empty; its topics are untouched. Raises CacheNotFound."""
        self._caches.open(request.cache_name).flush()
        return wire._FlushCacheResponse()


def ping_handler() -> grpc.GenericRpcHandler:
    """/cache_client.Ping/Ping: an empty message for any message, with or without a key.

    Its messages are empty and missing from momento-wire-types, so they are read and written as bytes.
    """

    async def ping(_request: bytes, _context: Context) -> bytes:
        return b""

    return grpc.method_handlers_generic_handler(
        "cache_client.Ping", {"Ping": grpc.unary_unary_rpc_method_handler(ping)}
    )
