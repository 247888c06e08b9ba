"""Bodies that are too long, never end, or come from a stranger, and connections that only take a place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest

from core.bounded_http import Bounds
from sandbox.faults.fault import fault_of
from sandbox.momento import http_listener
from sandbox.momento.keys import KeyRing
from sandbox.momento.limits import MAX_ITEM_BYTES, MAX_MESSAGE_BYTES
from sandbox.momento.service import MomentoService

PUT = "PUT /cache/c?key=k&ttl_seconds=60"
PIECE = bytes(64 * 1024)


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    yield service
    await service.close()


@pytest.fixture
async def hasty_momento(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MomentoService]:
    """One that waits for nobody."""
    monkeypatch.setattr(
        http_listener._Connection, "bounds", Bounds(connections=3, head_bytes=2_000, head_s=0.3, body_s=0.3)
    )
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    yield service
    await service.close()


@dataclass(frozen=True)
class Answer:
    """What came before the server ended the connection, and how many bytes of the body it let the client send."""

    status: int
    error: dict[str, object]
    sent: int


async def answer(
    momento: MomentoService, request: str, *headers: str, endless: bytes = b"", pause_s: float = 0.0
) -> Answer:
    """The answer to a request, after whose head the client sends `endless` again and again until it is cut off."""
    reader, writer = await asyncio.open_connection(momento.host, momento.http_port)
    head = "\r\n".join([f"{request} HTTP/1.1", "Host: x", *headers, "", ""])
    writer.write(head.encode())
    sending = asyncio.create_task(_send_on(writer, endless, pause_s))
    try:
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])
            fields = {}
            while (line := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                fields[name.strip().lower()] = value.strip()
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            # It ends the connection by itself.
            assert await reader.read() == b""
    finally:
        writer.close()
        sent = await sending
    return Answer(status, json.loads(body) if body else {}, sent)


async def _send_on(writer: asyncio.StreamWriter, piece: bytes, pause_s: float) -> int:
    sent = 0
    try:
        while piece:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(pause_s)
    except (ConnectionError, RuntimeError):
        pass
    return sent


def key(momento: MomentoService) -> str:
    return f"Authorization: {momento.keys.v2_key}"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


async def test_a_stranger_is_refused_before_the_body_is_read(momento: MomentoService) -> None:
    momento.faults.add(fault_of({"route": "*", "status": 500, "count": 1}))

    refused = await answer(momento, PUT, f"Content-Length: {MAX_ITEM_BYTES}")
    endless = await answer(momento, PUT, "Authorization: wrong", "Transfer-Encoding: chunked", endless=chunk(PIECE))

    assert (refused.status, refused.error["code"]) == (401, "Unauthorized")
    assert endless.status == 401
    # A stranger uses up no fault either.
    assert momento.faults.fired() == ()


@pytest.mark.parametrize(
    ("request_line", "most"),
    [(PUT, MAX_ITEM_BYTES), ("POST /topics/c/t", MAX_MESSAGE_BYTES), ("POST /oauth/token", 16 * 1024)],
)
async def test_a_body_over_the_limit_is_cut_off_whatever_its_length_says(
    momento: MomentoService, request_line: str, most: int
) -> None:
    declared = await answer(momento, request_line, key(momento), f"Content-Length: {10**12}")
    endless = await answer(momento, request_line, key(momento), "Transfer-Encoding: chunked", endless=chunk(PIECE))

    for refused in (declared, endless):
        assert (refused.status, refused.error["err"]) == (429, "request_size_limit_exceeded")
    assert momento.stats()["cache"]["sets"] == momento.stats()["published"] == 0


async def test_nothing_is_read_for_a_path_that_leads_nowhere(momento: MomentoService) -> None:
    refused = await answer(momento, "POST /nothing", "Transfer-Encoding: chunked", endless=chunk(PIECE))

    assert refused.status == 404


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -1",),
        ("Content-Length: five",),
        ("Transfer-Encoding: chunked, gzip",),
    ],
)
async def test_a_body_whose_length_is_doubtful_is_a_bad_request(
    momento: MomentoService, headers: tuple[str, ...]
) -> None:
    refused = await answer(momento, PUT, key(momento), *headers, endless=b"zzzzz\r\n")

    assert (refused.status, refused.error["status"]) == (400, 400)


async def test_two_keys_in_the_headers_are_a_bad_request(momento: MomentoService) -> None:
    refused = await answer(momento, "DELETE /cache/c?key=k", key(momento), "authorization: x", "Connection: close")

    assert refused.status == 400


async def test_who_sends_too_slowly_too_much_or_nothing_is_disconnected(hasty_momento: MomentoService) -> None:
    known = key(hasty_momento)

    dripping = await answer(hasty_momento, PUT, known, "Content-Length: 1000", endless=b"x", pause_s=0.05)
    short = await answer(hasty_momento, PUT, known, "Content-Length: 1000")
    wide = await answer(hasty_momento, PUT, known, f"X: {'x' * 3_000}")
    reader, writer = await asyncio.open_connection(hasty_momento.host, hasty_momento.http_port)
    silent = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    reader, writer = await asyncio.open_connection(hasty_momento.host, hasty_momento.http_port)
    writer.write(b"PUT / HTTP/1.1\r\n")
    sending = asyncio.create_task(_send_on(writer, b"A: b\r\n", 0.02))
    endless_head = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    await sending

    assert (dripping.status, short.status, wide.status) == (408, 408, 431)
    assert dripping.error["title"] == "Request Timeout"
    assert silent.split()[1] == endless_head.split()[1] == b"408"
    assert hasty_momento.stats()["cache"]["sets"] == 0


async def test_one_connection_too_many_is_refused_and_a_place_comes_back(hasty_momento: MomentoService) -> None:
    long_poll = f"GET /topics/c/t HTTP/1.1\r\nHost: x\r\n{key(hasty_momento)}\r\n\r\n".encode()
    open_ones = [await asyncio.open_connection(hasty_momento.host, hasty_momento.http_port) for _ in range(3)]
    for _, writer in open_ones:
        writer.write(long_poll)

    refused = await answer(hasty_momento, "GET /cache/c?key=k", key(hasty_momento))
    open_ones[0][1].close()
    while len(hasty_momento._http._state.connections) >= 3:
        await asyncio.sleep(0.01)
    served = await answer(hasty_momento, "GET /cache/c?key=k", key(hasty_momento), "Connection: close")

    assert (refused.status, refused.error["title"]) == (503, "Service Unavailable")
    assert served.status == 404
    for _, writer in open_ones:
        writer.close()


async def test_a_stranger_at_the_grpc_port_is_refused_though_its_message_is_larger_than_any_may_be(
    momento: MomentoService,
) -> None:
    large = bytes(20_000_000)
    async with grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}") as channel:
        call = channel.unary_unary("/cache_client.Scs/Set")
        for metadata in ((), (("authorization", "wrong"),), (("authorization", momento.keys.v2_key),) * 2):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(large, metadata=metadata, timeout=10)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as too_large:
            await call(large, metadata=(("authorization", momento.keys.v2_key),), timeout=10)
        assert too_large.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_subscriptions_are_bounded(momento: MomentoService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.momento.topics.MAX_SUBSCRIPTIONS", 0)

    refused = await answer(momento, "GET /topics/c/t", key(momento), "Connection: close")

    assert (refused.status, refused.error["err"]) == (429, "topic_subscriptions_limit_exceeded")
