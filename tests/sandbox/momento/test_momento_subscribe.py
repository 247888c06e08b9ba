"""Pubsub over raw gRPC streams: heartbeats, resuming, ends of streams, and many subscribers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from momento_wire_types import (
    cachepubsub_pb2,
    cachepubsub_pb2_grpc,
    controlclient_pb2,
    controlclient_pb2_grpc,
)

from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService


class Subscriber:
    """A client of one Momento: its own channel, the key in every call."""

    def __init__(self, momento: MomentoService, token: str | None = None) -> None:
        self.channel = grpc.aio.insecure_channel(f"{momento.host}:{momento.grpc_port}")
        self.metadata = (("authorization", momento.keys.v2_key if token is None else token),)
        self.pubsub = cachepubsub_pb2_grpc.PubsubStub(self.channel)
        self.control = controlclient_pb2_grpc.ScsControlStub(self.channel)

    async def create_cache(self, name: str) -> None:
        await self.control.CreateCache(controlclient_pb2._CreateCacheRequest(cache_name=name), metadata=self.metadata)

    async def delete_cache(self, name: str) -> None:
        await self.control.DeleteCache(controlclient_pb2._DeleteCacheRequest(cache_name=name), metadata=self.metadata)

    async def publish(self, *texts: str) -> None:
        for text in texts:
            request = cachepubsub_pb2._PublishRequest(cache_name="c", topic="t", value={"text": text})
            await self.pubsub.Publish(request, metadata=self.metadata)

    def subscribe(self, resume: int = 0, page: int = 0, cache: str = "c") -> Any:
        request = cachepubsub_pb2._SubscriptionRequest(
            cache_name=cache, topic="t", resume_at_topic_sequence_number=resume, sequence_page=page
        )
        return self.pubsub.Subscribe(request, metadata=self.metadata)


async def next_event(call: Any) -> Any:
    """The next item or discontinuity; heartbeats are passed over."""
    while True:
        message = await asyncio.wait_for(call.read(), 10)
        assert message is not grpc.aio.EOF, f"the stream ended: {await call.code()} {await call.details()}"
        if message.WhichOneof("kind") != "heartbeat":
            return getattr(message, message.WhichOneof("kind"))


async def texts(call: Any, count: int) -> list[str]:
    return [(await next_event(call)).value.text for _ in range(count)]


async def end_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """How the stream ends, whatever it still says before."""

    async def read_on() -> None:
        while await call.read() is not grpc.aio.EOF:
            pass

    await asyncio.wait_for(asyncio.gather(read_on(), return_exceptions=True), 10)
    return await call.code(), await call.details()


async def until(condition: Any) -> None:
    """Wait for something that has no event to wait for; fails after 10 s."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def client(momento: MomentoService) -> AsyncIterator[Subscriber]:
    client = Subscriber(momento)
    await client.create_cache("c")
    yield client
    await client.channel.close()


async def test_a_stream_begins_with_a_heartbeat_even_when_messages_wait(client: Subscriber) -> None:
    await client.publish("a")
    call = client.subscribe()
    assert (await call.read()).WhichOneof("kind") == "heartbeat"
    assert (await call.read()).item.value.text == "a"


async def test_an_idle_stream_keeps_beating_and_a_busy_one_too(client: Subscriber) -> None:
    call = client.subscribe()
    kinds = [(await asyncio.wait_for(call.read(), 10)).WhichOneof("kind") for _ in range(3)]
    assert kinds == ["heartbeat"] * 3

    busy = client.subscribe()
    beats = 0
    while beats < 3:
        await client.publish("x")
        while (message := await asyncio.wait_for(busy.read(), 10)).WhichOneof("kind") == "heartbeat":
            beats += 1
        assert message.item.value.text == "x"


async def test_a_message_does_not_wait_for_the_next_heartbeat(client: Subscriber) -> None:
    call = client.subscribe()
    await call.read()
    beats = 0
    for _ in range(20):
        await client.publish("x")
        while (await asyncio.wait_for(call.read(), 10)).WhichOneof("kind") == "heartbeat":
            beats += 1
    assert beats < 10


async def test_a_subscriber_that_resumes_gets_what_it_missed(client: Subscriber) -> None:
    # Given a subscriber that saw the first message and left
    await client.publish("a")
    call = client.subscribe()
    first = await next_event(call)
    call.cancel()
    # When more is published and it comes back for the next number
    await client.publish("b", "c")
    back = client.subscribe(first.topic_sequence_number + 1, first.sequence_page)
    # Then it gets exactly that, and what follows
    assert await texts(back, 2) == ["b", "c"]
    await client.publish("d")
    assert await texts(back, 1) == ["d"]


@pytest.mark.parametrize(("resume", "page"), [(300, 5_435_435), (2, 5_435_435), (300, 0)])
async def test_resuming_where_nothing_is_tells_the_discontinuity_and_goes_on_with_the_latest(
    client: Subscriber, resume: int, page: int
) -> None:
    await client.publish("a", "b", "c")
    call = client.subscribe(resume, page)
    gap, item = await next_event(call), await next_event(call)
    assert (gap.last_topic_sequence, gap.new_topic_sequence) == (resume - 1, 3)
    assert (item.topic_sequence_number, item.value.text) == (3, "c")
    assert gap.new_sequence_page == item.sequence_page != page


async def test_a_cache_that_is_made_again_has_a_new_page_and_old_subscribers_are_told(client: Subscriber) -> None:
    await client.publish("a", "b")
    call = client.subscribe()
    last = await next_event(call)
    await client.delete_cache("c")
    assert await end_of(call) == (grpc.StatusCode.NOT_FOUND, "Cache not found")
    await client.create_cache("c")
    back = client.subscribe(last.topic_sequence_number + 1, last.sequence_page)
    gap = await next_event(back)
    await client.publish("new")
    item = await next_event(back)
    assert gap.new_sequence_page > last.sequence_page
    assert (item.topic_sequence_number, item.sequence_page) == (gap.new_topic_sequence, gap.new_sequence_page)
    assert item.topic_sequence_number == 1


async def test_subscribing_to_a_missing_cache_is_refused_before_any_message(client: Subscriber) -> None:
    call = client.subscribe(cache="nowhere")
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call.read()
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
    assert dict(refusal.value.trailing_metadata())["err"] == "store_not_found"


async def test_a_wrong_key_opens_no_stream(momento: MomentoService, client: Subscriber) -> None:
    stranger = Subscriber(momento, "wrong")
    assert (await end_of(stranger.subscribe()))[0] == grpc.StatusCode.UNAUTHENTICATED
    await stranger.channel.close()


async def test_a_cancelled_stream_leaves_nothing_behind(momento: MomentoService, client: Subscriber) -> None:
    calls = [client.subscribe() for _ in range(20)]
    for call in calls:
        await call.read()
    assert momento.stats()["subscribers"] == 20
    for call in calls:
        call.cancel()
    await until(lambda: momento.stats()["subscribers"] == 0)


async def test_a_subscriber_whose_connection_breaks_leaves_nothing_behind(momento: MomentoService) -> None:
    client = Subscriber(momento)
    await client.create_cache("c")
    call = client.subscribe()
    await call.read()
    await client.channel.close()
    await until(lambda: momento.stats()["subscribers"] == 0)


async def test_a_hundred_subscribers_get_every_message_in_order(client: Subscriber) -> None:
    calls = [client.subscribe() for _ in range(100)]
    for call in calls:
        await call.read()
    sent = [str(number) for number in range(50)]
    readers = [asyncio.create_task(texts(call, len(sent))) for call in calls]
    await client.publish(*sent)
    assert await asyncio.gather(*readers) == [sent] * 100


async def test_two_thousand_subscriptions_may_come_in_one_burst(momento: MomentoService, client: Subscriber) -> None:
    calls = [client.subscribe() for _ in range(2_000)]
    first = await asyncio.gather(*(call.read() for call in calls))
    assert {message.WhichOneof("kind") for message in first} == {"heartbeat"}
    await client.publish("to all")
    assert await asyncio.gather(*(texts(call, 1) for call in calls)) == [["to all"]] * 2_000


async def test_a_subscriber_that_does_not_read_holds_nobody_up_and_is_told_what_it_lost(
    momento: MomentoService, client: Subscriber
) -> None:
    # Given one that reads and one that does not, on a connection of its own that fills up
    sleeper = Subscriber(momento)
    asleep, awake = sleeper.subscribe(), client.subscribe()
    await asleep.read()
    await awake.read()
    # When far more is published than the connection and the history hold
    reader = asyncio.create_task(texts(awake, 4_000))
    for _ in range(40):
        await client.publish(*["x" * 2_000] * 100)
    # Then the one that reads has it all, and the sleeper finds order, then a gap that says where it goes on
    assert len(await reader) == 4_000
    expected, gaps = 1, 0
    while expected <= 4_000:
        event = await next_event(asleep)
        if event.DESCRIPTOR.name == "_Discontinuity":
            gaps, expected = gaps + 1, event.new_topic_sequence
        else:
            assert event.topic_sequence_number == expected
            expected += 1
    assert gaps >= 1
    await sleeper.channel.close()
