"""The Momento cache, topic and control calls that the dashboard makes, one gRPC call each.

The generated stubs are used and not the SDK's client: that one has no item TTL, dials eagerly, and hides
what it retries (facts/momento.md sections 2 and 4). Nothing is retried here: a page shows the failure and its
refresh tries again. Subscribing lives in services/topic/subscription.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from momento_wire_types import (
    cacheclient_pb2,
    cacheclient_pb2_grpc,
    cachepubsub_pb2,
    cachepubsub_pb2_grpc,
    controlclient_pb2,
    controlclient_pb2_grpc,
)

from core.errors import InvalidInput, ServiceFailed, Unreachable
from core.momento_channel import (
    AlreadyExists,
    authorization,
    failure,
    open_control_channel,
    open_data_channel,
)
from core.momento_keys import MomentoAddress

#: How long one call may take, in seconds.
DEADLINE_S = 3.0

#: Read by `check`; nobody writes it.
_CHECK_KEY = "pipeline-dashboard:check"


@dataclass(frozen=True)
class CacheRead:
    """What a read found: `value` is None on a miss. `latency_ms` is the call's time in milliseconds."""

    value: bytes | None
    hit: bool
    latency_ms: float


class MomentoCache:
    """One client for one Momento, shared by all threads of the process. Connects when first used.

    Every method raises Unreachable, NotAuthorized, NotFound (no such cache), Throttled or ServiceFailed.
    """

    def __init__(self, address: MomentoAddress, deadline_s: float = DEADLINE_S) -> None:
        self.address = address
        self._deadline_s = deadline_s
        self._closed = False
        self._data_channel = open_data_channel(address)
        self._control_channel = open_control_channel(address)
        self._scs = cacheclient_pb2_grpc.ScsStub(self._data_channel)
        self._pubsub = cachepubsub_pb2_grpc.PubsubStub(self._data_channel)
        self._control = controlclient_pb2_grpc.ScsControlStub(self._control_channel)
        # The generated stubs have no Ping service; its request and answer are empty messages.
        self._ping = self._data_channel.unary_unary(
            "/cache_client.Ping/Ping", request_serializer=bytes, response_deserializer=bytes
        )

    def get(self, cache: str, key: str) -> CacheRead:
        """Read one item; a miss is an answer, not an error."""
        started = time.perf_counter()
        request = cacheclient_pb2._GetRequest(cache_key=key.encode())
        response = self._call(self._scs.Get, request, f"Reading {key!r} from cache {cache}", cache)
        latency_ms = (time.perf_counter() - started) * 1000
        if response.result == cacheclient_pb2.Hit:
            return CacheRead(bytes(response.cache_body), True, latency_ms)
        if response.result == cacheclient_pb2.Miss:
            return CacheRead(None, False, latency_ms)
        raise ServiceFailed(f"Reading {key!r} from cache {cache} gave neither hit nor miss.", "Try again.")

    def remaining_ttl(self, cache: str, key: str) -> timedelta | None:
        """How long the item will still live; None when there is no such item."""
        request = cacheclient_pb2._ItemGetTtlRequest(cache_key=key.encode())
        response = self._call(self._scs.ItemGetTtl, request, f"Reading the TTL of {key!r} in cache {cache}", cache)
        if response.HasField("found"):
            return timedelta(milliseconds=response.found.remaining_ttl_millis)
        return None

    def set(self, cache: str, key: str, value: bytes, ttl_s: float) -> None:
        """Write one item that lives for `ttl_s` seconds. Raises InvalidInput when that is not above zero."""
        if not ttl_s > 0:
            raise InvalidInput("ttl_s", "The TTL of a cache item must be above zero.")
        request = cacheclient_pb2._SetRequest(
            cache_key=key.encode(), cache_body=value, ttl_milliseconds=max(1, round(ttl_s * 1000))
        )
        self._call(self._scs.Set, request, f"Writing {key!r} to cache {cache}", cache)

    def set_if_absent(self, cache: str, key: str, value: bytes, ttl_s: float) -> bool:
        """Write one item unless there is one; False when there is. Raises InvalidInput for a TTL not above zero."""
        if not ttl_s > 0:
            raise InvalidInput("ttl_s", "The TTL of a cache item must be above zero.")
        request = cacheclient_pb2._SetIfNotExistsRequest(
            cache_key=key.encode(), cache_body=value, ttl_milliseconds=max(1, round(ttl_s * 1000))
        )
        response = self._call(self._scs.SetIfNotExists, request, f"Writing {key!r} to cache {cache}", cache)
        return bool(response.HasField("stored"))

    def delete(self, cache: str, key: str) -> None:
        """Delete one item, or nothing when there is none."""
        request = cacheclient_pb2._DeleteRequest(cache_key=key.encode())
        self._call(self._scs.Delete, request, f"Deleting {key!r} from cache {cache}", cache)

    def publish(self, cache: str, topic: str, text: str) -> None:
        """Publish one text message; done when Momento has taken it, with or without subscribers."""
        request = cachepubsub_pb2._PublishRequest(
            cache_name=cache, topic=topic, value=cachepubsub_pb2._TopicValue(text=text)
        )
        self._call(self._pubsub.Publish, request, f"Publishing to topic {topic} of cache {cache}")

    def list_caches(self) -> tuple[str, ...]:
        """The names of all caches of the account."""
        names: list[str] = []
        next_token = ""
        while True:
            request = controlclient_pb2._ListCachesRequest(next_token=next_token)
            response = self._call(self._control.ListCaches, request, "Listing caches")
            names.extend(cache.cache_name for cache in response.cache)
            next_token = response.next_token
            if not next_token:
                return tuple(names)

    def create_cache(self, cache: str) -> bool:
        """Create a cache; False when it was there already."""
        request = controlclient_pb2._CreateCacheRequest(cache_name=cache)
        try:
            self._call(self._control.CreateCache, request, f"Creating cache {cache}")
        except AlreadyExists:
            return False
        return True

    def delete_cache(self, cache: str) -> None:
        """Delete a cache and all in it. Raises NotFound when it does not exist."""
        request = controlclient_pb2._DeleteCacheRequest(cache_name=cache)
        self._call(self._control.DeleteCache, request, f"Deleting cache {cache}")

    def flush_cache(self, cache: str) -> None:
        """Empty a cache. Raises NotFound when it does not exist."""
        request = controlclient_pb2._FlushCacheRequest(cache_name=cache)
        self._call(self._control.FlushCache, request, f"Flushing cache {cache}")

    def ping(self) -> float:
        """Milliseconds until something answered at the data endpoint; says nothing about the key.

        Assumption: the real service answers native gRPC pings as it answers those of the web SDK.
        """
        started = time.perf_counter()
        self._call(self._ping, b"", "Pinging Momento")
        return (time.perf_counter() - started) * 1000

    def check(self, cache: str) -> float:
        """Milliseconds of one read that proves endpoint, key and cache at once; raises what is wrong."""
        started = time.perf_counter()
        request = cacheclient_pb2._GetRequest(cache_key=_CHECK_KEY.encode())
        self._call(self._scs.Get, request, f"Checking cache {cache}", cache)
        return (time.perf_counter() - started) * 1000

    def close(self) -> None:
        """Close both channels. Calls under way, and later ones, raise Unreachable."""
        self._closed = True
        self._data_channel.close()
        self._control_channel.close()

    def _metadata(self, cache: str | None = None) -> tuple[tuple[str, str], ...]:
        header = authorization(self.address)
        return (header,) if cache is None else (header, ("cache", cache))

    def _call(self, rpc: Callable[..., Any], request: Any, tried: str, cache: str | None = None) -> Any:
        try:
            return rpc(request, timeout=self._deadline_s, metadata=self._metadata(cache))
        except grpc.RpcError as error:
            raise failure(error, tried, self.address) from None
        except ValueError:
            # Said of a closed channel, and of a header that cannot be sent: that one quotes the token.
            if self._closed:
                raise Unreachable(f"{tried} failed: the connection was closed.", "Reload the page.") from None
            raise ServiceFailed(f"{tried} failed: it cannot be sent.", "Check the cache's name.") from None
