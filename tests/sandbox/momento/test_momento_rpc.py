"""What the Python SDK has no method for: remaining time to live and its neighbours, limits, ping, raw statuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from momento_wire_types import (
    cacheclient_pb2 as cache_wire,
)
from momento_wire_types import (
    cacheclient_pb2_grpc,
    controlclient_pb2,
    controlclient_pb2_grpc,
)

from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService


class Client:
    """Raw stubs with the key, and the cache `c` in the metadata."""

    def __init__(self, momento: MomentoService) -> None:
        self.channel = grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}")
        self.key = (("authorization", momento.keys.v2_key),)
        self.scs = cacheclient_pb2_grpc.ScsStub(self.channel)
        self.control = controlclient_pb2_grpc.ScsControlStub(self.channel)

    async def call(self, method: str, cache: str = "c", **fields: Any) -> Any:
        request = getattr(cache_wire, f"_{method}Request")(**fields)
        return await getattr(self.scs, method)(request, metadata=(*self.key, ("cache", cache)))


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def client(momento: MomentoService) -> AsyncIterator[Client]:
    client = Client(momento)
    await client.control.CreateCache(controlclient_pb2._CreateCacheRequest(cache_name="c"), metadata=client.key)
    yield client
    await client.channel.close()


async def test_the_remaining_time_to_live_is_told_in_milliseconds(client: Client) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"v", ttl_milliseconds=60_000)
    found = await client.call("ItemGetTtl", cache_key=b"k")
    missing = await client.call("ItemGetTtl", cache_key=b"other")
    assert 0 < found.found.remaining_ttl_millis <= 60_000
    assert missing.WhichOneof("result") == "missing"


@pytest.mark.parametrize(
    ("change", "result", "bounds"),
    [
        ({"increase_to_milliseconds": 80_000}, "set", (60_000, 80_000)),
        ({"increase_to_milliseconds": 10_000}, "not_set", (10_000, 60_000)),
        ({"decrease_to_milliseconds": 10_000}, "set", (0, 10_000)),
        ({"decrease_to_milliseconds": 80_000}, "not_set", (10_000, 60_000)),
        ({"overwrite_to_milliseconds": 80_000}, "set", (60_000, 80_000)),
    ],
)
async def test_a_time_to_live_is_changed_in_the_direction_asked_or_not_at_all(
    client: Client, change: dict[str, int], result: str, bounds: tuple[int, int]
) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"v", ttl_milliseconds=60_000)
    assert (await client.call("UpdateTtl", cache_key=b"k", **change)).WhichOneof("result") == result
    left = (await client.call("ItemGetTtl", cache_key=b"k")).found.remaining_ttl_millis
    assert bounds[0] < left <= bounds[1]


async def test_the_time_to_live_of_nothing_cannot_be_changed(client: Client) -> None:
    answer = await client.call("UpdateTtl", cache_key=b"k", overwrite_to_milliseconds=1_000)
    assert answer.WhichOneof("result") == "missing"


async def test_keys_exist_answers_in_the_order_asked_and_type_is_scalar(client: Client) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"", ttl_milliseconds=60_000)
    assert list((await client.call("KeysExist", cache_keys=[b"x", b"k", b"y"])).exists) == [False, True, False]
    assert (await client.call("ItemGetType", cache_key=b"k")).WhichOneof("result") == "found"
    assert (await client.call("ItemGetType", cache_key=b"x")).WhichOneof("result") == "missing"


async def test_an_empty_value_is_a_hit(client: Client) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"", ttl_milliseconds=60_000)
    assert (await client.call("Get", cache_key=b"k")).result == cache_wire.Hit


@pytest.mark.parametrize(
    ("method", "cache", "fields"),
    [
        ("Get", "c", {"cache_key": b""}),
        ("Get", "", {"cache_key": b"k"}),
        ("Set", "c", {"cache_key": b"k", "ttl_milliseconds": 0}),
        ("Set", "c", {"cache_key": b"k", "ttl_milliseconds": 86_400_001}),
        ("KeysExist", "c", {"cache_keys": [b"k", b""]}),
    ],
)
async def test_what_makes_no_sense_is_an_invalid_argument(
    client: Client, method: str, cache: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.call(method, cache=cache, **fields)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("change", [{}, {"overwrite_to_milliseconds": 0}, {"increase_to_milliseconds": 86_400_001}])
async def test_a_time_to_live_is_not_changed_to_nonsense(client: Client, change: dict[str, int]) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"v", ttl_milliseconds=60_000)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.call("UpdateTtl", cache_key=b"k", **change)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_limit_that_is_exceeded_is_named_in_the_trailing_metadata(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.call("Set", cache_key=b"k", cache_body=bytes(5 * 1024 * 1024), ttl_milliseconds=1_000)
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(refusal.value.trailing_metadata())["err"] == "item_size_limit_exceeded"


async def test_listing_caches_tells_the_limits_that_are_enforced(client: Client) -> None:
    listed = await client.control.ListCaches(controlclient_pb2._ListCachesRequest(), metadata=client.key)
    (cache,) = listed.cache
    assert (cache.cache_limits.max_item_size_kb, cache.cache_limits.max_ttl_seconds) == (5_120, 86_400)
    assert cache.topic_limits.max_publish_message_size_kb == 4


async def test_a_flushed_cache_is_empty_and_a_missing_one_cannot_be_flushed(client: Client) -> None:
    await client.call("Set", cache_key=b"k", cache_body=b"v", ttl_milliseconds=60_000)
    flush = client.control.FlushCache
    await flush(controlclient_pb2._FlushCacheRequest(cache_name="c"), metadata=client.key)
    assert (await client.call("Get", cache_key=b"k")).result == cache_wire.Miss
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await flush(controlclient_pb2._FlushCacheRequest(cache_name="nowhere"), metadata=client.key)
    assert (refusal.value.code(), refusal.value.details()) == (grpc.StatusCode.NOT_FOUND, "Cache not found")


async def test_ping_answers_without_a_key(client: Client) -> None:
    assert await client.channel.unary_unary("/cache_client.Ping/Ping")(b"") == b""


async def test_unknown_methods_and_services_are_unimplemented_and_named(client: Client) -> None:
    for path in ("/cache_client.Scs/GetBatch", "/nowhere.Service/Method"):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await client.channel.unary_unary(path)(b"")
        assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert path in (refusal.value.details() or "")
