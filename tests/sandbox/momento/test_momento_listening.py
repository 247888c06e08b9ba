"""Momento stopped and started again: what its clients see, and what it still knows."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest
from momento_wire_types import cachepubsub_pb2, cachepubsub_pb2_grpc

from sandbox.faults.fault import fault_of
from sandbox.momento.http_listener import HttpListener
from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    yield service
    await service.close()


def subscribe(momento: MomentoService, channel: Any, resume: int = 0, page: int = 0) -> Any:
    request = cachepubsub_pb2._SubscriptionRequest(
        cache_name="c", topic="t", resume_at_topic_sequence_number=resume, sequence_page=page
    )
    stub = cachepubsub_pb2_grpc.PubsubStub(channel)
    return stub.Subscribe(request, metadata=(("authorization", momento.keys.v2_key),))


async def call(momento: MomentoService, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    headers = {"Authorization": momento.keys.v2_key, "Content-Type": "application/json"}
    async with aiohttp.request(method, momento.http_endpoint + path, data=body, headers=headers) as response:
        return response.status, await response.read()


async def test_while_stopped_both_ports_refuse_and_afterwards_everything_is_still_there(
    momento: MomentoService,
) -> None:
    ports = (momento.grpc_port, momento.http_port)
    await call(momento, "PUT", "/cache/c?key=k&ttl_seconds=60", b"v")
    await call(momento, "POST", "/topics/c/t", b"message")

    await momento.stop_listening()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((momento.host, port), timeout=5)

    await momento.start_listening()
    assert (momento.grpc_port, momento.http_port) == ports
    assert await call(momento, "GET", "/cache/c?key=k") == (200, b"v")
    assert b'"message"' in (await call(momento, "GET", "/topics/c/t"))[1]


async def test_open_streams_end_as_unavailable_and_resume_without_a_gap(momento: MomentoService) -> None:
    channel = grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}")
    stream = subscribe(momento, channel)
    await stream.read()
    await call(momento, "POST", "/topics/c/t", b"one")
    seen = (await stream.read()).item

    await momento.stop_listening()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await asyncio.wait_for(stream.read(), 10)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert momento.stats()["subscribers"] == 0
    await channel.close()

    await momento.start_listening()
    await call(momento, "POST", "/topics/c/t", b"two")
    channel = grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}")
    stream = subscribe(momento, channel, seen.topic_sequence_number + 1, seen.sequence_page)
    await stream.read()
    assert (await stream.read()).item.value.text == "two"
    await channel.close()


async def test_stopping_drops_open_requests_and_kept_connections_at_once(momento: MomentoService) -> None:
    momento.faults.add(fault_of({"route": "DELETE /cache", "delay_ms": 60_000}))
    headers = {"Authorization": momento.keys.v2_key}
    async with aiohttp.ClientSession(momento.http_endpoint, headers=headers) as session:
        kept = await session.put("/cache/c?key=k&ttl_seconds=60", data=b"v")
        await kept.read()
        poll = asyncio.create_task(session.get("/topics/c/t"))
        delayed = asyncio.create_task(session.delete("/cache/c?key=k"))
        while not (momento.stats()["subscribers"] and momento.faults.fired()):
            await asyncio.sleep(0.005)
        await asyncio.wait_for(momento.stop_listening(), 10)
        for request in (poll, delayed):
            with pytest.raises(aiohttp.ClientConnectionError):
                await asyncio.wait_for(request, 10)
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.put("/cache/c?key=k&ttl_seconds=60", data=b"v")
    assert momento.stats()["subscribers"] == 0


async def test_stopping_and_closing_may_be_done_twice(momento: MomentoService) -> None:
    await momento.stop_listening()
    await momento.stop_listening()
    await momento.start_listening()
    await momento.close()
    await momento.close()


async def test_a_grpc_port_in_use_is_an_error_and_leaves_nothing_open(momento: MomentoService) -> None:
    other = MomentoService(KeyRing.mint("127.0.0.1"), grpc_port=momento.grpc_port)
    with pytest.raises(RuntimeError):
        await other.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((other.host, other.http_port), timeout=5)


async def test_an_http_port_in_use_is_an_error(momento: MomentoService) -> None:
    with pytest.raises(OSError, match="in use"):
        await MomentoService(KeyRing.mint("127.0.0.1"), http_port=momento.http_port).start()


async def test_nothing_runs_on_after_the_end() -> None:
    # Given a stream of a client that lives in a thread, so that every task on the loop is Momento's
    before = asyncio.all_tasks()
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    channel = grpc.insecure_channel(f"{service.host}:{service.grpc_port}")
    stream = subscribe(service, channel)
    await asyncio.to_thread(next, stream)
    # When Momento ends while it is open
    await service.close()
    # Then no task is left
    assert asyncio.all_tasks() <= before
    channel.close()


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_was_accepted_just_now_is_dropped_with_the_others(turns: int) -> None:
    listener = HttpListener("127.0.0.1", lambda scope, receive, send: None)
    port = await listener.open(0)
    with socket.socket() as client:
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
        for _ in range(turns):
            await asyncio.sleep(0)
        await listener.close()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await loop.sock_recv(client, 1) == b""
