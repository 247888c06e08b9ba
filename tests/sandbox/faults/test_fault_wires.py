"""What a client of Momento meets when a fault strikes, on both wires."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest
from momento_wire_types import cacheclient_pb2, cacheclient_pb2_grpc, cachepubsub_pb2, cachepubsub_pb2_grpc

from sandbox.faults.fault import fault_of
from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService, Port

ITEM = "/cache/c?key=k&ttl_seconds=60"


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    yield service
    await service.close()


@pytest.fixture
async def http(momento: MomentoService) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": momento.keys.v2_key}
    async with aiohttp.ClientSession(momento.http_endpoint, headers=headers) as session:
        yield session


@pytest.fixture
async def channel(momento: MomentoService) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}") as channel:
        yield channel


def switch_on(momento: MomentoService, **fault: Any) -> None:
    momento.faults.add(fault_of(fault))


def item(momento: MomentoService) -> bytes | None:
    return momento._caches.open("c").get(b"k")


async def get(momento: MomentoService, channel: grpc.aio.Channel, timeout_s: float = 5) -> Any:
    request = cacheclient_pb2._GetRequest(cache_key=b"k")
    metadata = (("authorization", momento.keys.v2_key), ("cache", "c"))
    return await cacheclient_pb2_grpc.ScsStub(channel).Get(request, metadata=metadata, timeout=timeout_s)


async def test_a_reset_cuts_the_connection_and_nothing_is_carried_out(
    momento: MomentoService, http: aiohttp.ClientSession
) -> None:
    switch_on(momento, target="momento.http POST /topics", fail="reset", count=1)

    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)) as cut:
        await http.post("/topics/c/t", data=b"v")

    assert isinstance(cut.value, OSError | aiohttp.ServerDisconnectedError)
    assert momento.stats()["published"] == 0
    async with http.post("/topics/c/t", data=b"v") as answer:
        assert answer.status == 204


async def test_a_reset_is_a_reset_and_not_an_end(momento: MomentoService) -> None:
    switch_on(momento, target="momento.http *", fail="reset")
    reader, writer = await asyncio.open_connection(momento.host, momento.http_port)
    writer.write(f"GET /cache/c?key=k&token={momento.keys.v2_key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 10)
    writer.close()


async def test_a_request_that_is_never_answered_ends_by_its_client(
    momento: MomentoService, http: aiohttp.ClientSession
) -> None:
    switch_on(momento, target="momento.http PUT /cache", fail="timeout", count=1)

    with pytest.raises(TimeoutError):
        await http.put(ITEM, data=b"v", timeout=aiohttp.ClientTimeout(total=0.2))

    assert item(momento) is None
    async with http.put(ITEM, data=b"v") as answer:
        assert answer.status == 204


async def test_a_slow_body_is_whole_in_the_end_and_takes_its_time(
    momento: MomentoService, http: aiohttp.ClientSession
) -> None:
    momento._caches.open("c").set(b"k", b"x" * 100, 60_000)
    switch_on(momento, target="momento.http GET /cache", slow_body=500)
    began = time.monotonic()

    async with http.get("/cache/c?key=k") as answer:
        head_s = time.monotonic() - began
        assert await answer.read() == b"x" * 100

    assert time.monotonic() - began >= 0.19
    assert head_s < time.monotonic() - began


async def test_a_status_with_a_slow_body_never_ends_in_time_for_an_impatient_client(
    momento: MomentoService, http: aiohttp.ClientSession
) -> None:
    switch_on(momento, target="momento.http *", status=200, slow_body=1)

    async with http.get("/cache/c?key=k") as answer:
        assert answer.status == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.read(), 0.3)
    async with asyncio.timeout(5):
        await momento.stop_listening()
    assert momento.stats()["http"] == {}, "an answer that was not sent to its end is none"


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL"])
async def test_a_grpc_call_fails_with_the_code_and_the_next_does_not(
    momento: MomentoService, channel: grpc.aio.Channel, code: str
) -> None:
    switch_on(momento, target="momento.grpc Get", code=code, count=1)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await get(momento, channel)

    assert failed.value.code().name == code
    assert (await get(momento, channel)).result == cacheclient_pb2.Miss
    assert [fired.target for fired in momento.faults.fired()] == ["momento.grpc Get"]


async def test_a_grpc_call_is_delayed_and_then_carried_out(momento: MomentoService, channel: grpc.aio.Channel) -> None:
    switch_on(momento, target="momento.grpc *", delay_ms=120)
    began = time.monotonic()

    assert (await get(momento, channel)).result == cacheclient_pb2.Miss

    assert time.monotonic() - began >= 0.12


async def test_a_grpc_call_that_is_never_answered_ends_by_its_deadline(
    momento: MomentoService, channel: grpc.aio.Channel
) -> None:
    switch_on(momento, target="momento.grpc Get", fail="timeout")

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await get(momento, channel, timeout_s=0.2)

    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_subscription_is_refused_by_a_fault_and_the_next_one_opens(
    momento: MomentoService, channel: grpc.aio.Channel
) -> None:
    switch_on(momento, target="momento.grpc Subscribe", code="UNAVAILABLE", count=1)
    stub = cachepubsub_pb2_grpc.PubsubStub(channel)
    request = cachepubsub_pb2._SubscriptionRequest(cache_name="c", topic="t")
    metadata = (("authorization", momento.keys.v2_key),)

    with pytest.raises(grpc.aio.AioRpcError, match="fault"):
        await stub.Subscribe(request, metadata=metadata).read()

    opened = stub.Subscribe(request, metadata=metadata)
    assert (await asyncio.wait_for(opened.read(), 5)).WhichOneof("kind") == "heartbeat"
    opened.cancel()


@pytest.mark.parametrize("blocked", list(Port))
async def test_one_port_is_blocked_while_the_other_answers(
    momento: MomentoService, http: aiohttp.ClientSession, channel: grpc.aio.Channel, blocked: Port
) -> None:
    async def answers(port: Port) -> bool:
        try:
            if port is Port.GRPC:
                await get(momento, channel)
            else:
                await (await http.get("/cache/c?key=k")).read()
        except (grpc.aio.AioRpcError, aiohttp.ClientError):
            return False
        return True

    await momento.stop_listening(frozenset({blocked}))
    assert {port: await answers(port) for port in Port} == {port: port is not blocked for port in Port}
    assert momento.listening == frozenset(Port) - {blocked}

    await momento.start_listening()
    assert momento.listening == frozenset(Port)
    assert await answers(Port.HTTP)
