"""/cache_client.Scs: the scalar RPCs. The cache's name travels in the metadata, keys and values are bytes.

Collections (dictionaries, sets, lists, sorted sets) are not part of the sandbox: UNIMPLEMENTED, as rpc.py answers.
"""

from __future__ import annotations

from typing import Any

import grpc
from momento_wire_types import cacheclient_pb2 as wire

from sandbox.momento.caches import Cache, Caches
from sandbox.momento.errors import InvalidArgument
from sandbox.momento.rpc import Metadata, unary


class CacheRpc:
    """The RPCs over `caches`. Each returns its response; each raises CacheNotFound and what the cache raises."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC service; whoever may call it is settled before."""
        methods = {
            "Get": unary(self.get, wire._GetRequest),
            "Set": unary(self.set, wire._SetRequest),
            "SetIfNotExists": unary(self.set_if_not_exists, wire._SetIfNotExistsRequest),
            "Delete": unary(self.delete, wire._DeleteRequest),
            "KeysExist": unary(self.keys_exist, wire._KeysExistRequest),
            "Increment": unary(self.increment, wire._IncrementRequest),
            "UpdateTtl": unary(self.update_ttl, wire._UpdateTtlRequest),
            "ItemGetTtl": unary(self.item_get_ttl, wire._ItemGetTtlRequest),
            "ItemGetType": unary(self.item_get_type, wire._ItemGetTypeRequest),
        }
        return grpc.method_handlers_generic_handler("cache_client.Scs", methods)

    def get(self, request: Any, metadata: Metadata) -> Any:
        """Hit with the value, or Miss."""
        value = self._cache(metadata).get(request.cache_key)
        if value is None:
            return wire._GetResponse(result=wire.Miss)
        return wire._GetResponse(result=wire.Hit, cache_body=value)

    def set(self, request: Any, metadata: Metadata) -> Any:
        """Ok once stored."""
        self._cache(metadata).set(request.cache_key, request.cache_body, request.ttl_milliseconds)
        return wire._SetResponse(result=wire.Ok)

    def set_if_not_exists(self, request: Any, metadata: Metadata) -> Any:
        """Stored, or not stored because the key has a value."""
        cache = self._cache(metadata)
        if cache.set_if_absent(request.cache_key, request.cache_body, request.ttl_milliseconds):
            return wire._SetIfNotExistsResponse(stored={})
        return wire._SetIfNotExistsResponse(not_stored={})

    def delete(self, request: Any, metadata: Metadata) -> Any:
        """An empty response, whether or not the key had a value."""
        self._cache(metadata).delete(request.cache_key)
        return wire._DeleteResponse()

    def keys_exist(self, request: Any, metadata: Metadata) -> Any:
        """For each key, in the order asked, whether it has a value."""
        cache = self._cache(metadata)
        return wire._KeysExistResponse(exists=[cache.has(key) for key in request.cache_keys])

    def increment(self, request: Any, metadata: Metadata) -> Any:
        """The new value."""
        cache = self._cache(metadata)
        return wire._IncrementResponse(
            value=cache.increment(request.cache_key, request.amount, request.ttl_milliseconds)
        )

    def update_ttl(self, request: Any, metadata: Metadata) -> Any:
        """Set, not set (an increase that would shorten, a decrease that would lengthen), or missing."""
        cache = self._cache(metadata)
        remaining = cache.remaining_ms(request.cache_key)
        if remaining is None:
            return wire._UpdateTtlResponse(missing={})
        ttl_ms, applies = _wanted_ttl(request, remaining)
        if not applies:
            return wire._UpdateTtlResponse(not_set={})
        cache.expire_in(request.cache_key, ttl_ms)
        return wire._UpdateTtlResponse(set={})

    def item_get_ttl(self, request: Any, metadata: Metadata) -> Any:
        """Found with the remaining milliseconds, or missing."""
        remaining = self._cache(metadata).remaining_ms(request.cache_key)
        if remaining is None:
            return wire._ItemGetTtlResponse(missing={})
        return wire._ItemGetTtlResponse(found={"remaining_ttl_millis": remaining})

    def item_get_type(self, request: Any, metadata: Metadata) -> Any:
        """Found as a scalar, or missing."""
        if not self._cache(metadata).has(request.cache_key):
            return wire._ItemGetTypeResponse(missing={})
        return wire._ItemGetTypeResponse(found={"item_type": wire._ItemGetTypeResponse.SCALAR})

    def _cache(self, metadata: Metadata) -> Cache:
        return self._caches.open(metadata.get("cache", ""))


def _wanted_ttl(request: Any, remaining_ms: int) -> tuple[int, bool]:
    """The time to live (ms) that UpdateTtl asks for, and whether it applies to an item with that much left."""
    match request.WhichOneof("update_ttl"):
        case "increase_to_milliseconds":
            return request.increase_to_milliseconds, request.increase_to_milliseconds > remaining_ms
        case "decrease_to_milliseconds":
            return request.decrease_to_milliseconds, request.decrease_to_milliseconds < remaining_ms
        case "overwrite_to_milliseconds":
            return request.overwrite_to_milliseconds, True
        case _:
            raise InvalidArgument("UpdateTtl needs a time to live to increase, decrease or overwrite to")
