"""/cache_client.pubsub.Pubsub: Publish, and Subscribe with heartbeats.

A stream starts with a heartbeat (the Python SDK insists on it) and has another each second, which together with
the server's options keeps idle clients connected (facts/momento.md section 3). A subscriber waits on one event
that the topic sets, so a message leaves in the turn of the loop in which it is published. It holds no queue of
its own: it reads the topic's log at the speed of its client, one unsent message at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import grpc
from momento_wire_types import cachepubsub_pb2 as wire
from momento_wire_types import common_pb2

from sandbox.momento.caches import Caches
from sandbox.momento.errors import CacheNotFound, InvalidArgument
from sandbox.momento.rpc import Context, Metadata, stream, unary
from sandbox.momento.topics import Cursor, Discontinuity, Event, Topics

#: Seconds between heartbeats. The real service promises none; momento-local sends about one a second.
HEARTBEAT_SECONDS = 1.0

_HEARTBEAT: bytes = wire._SubscriptionItem(heartbeat={}).SerializeToString()


class TopicRpc:
    """The RPCs over `topics`, for the caches that exist."""

    def __init__(self, caches: Caches, topics: Topics) -> None:
        self._caches = caches
        self._topics = topics
        self._streams: set[asyncio.Task[Any]] = set()

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC service; whoever may call it is settled before."""
        methods = {
            "Publish": unary(self.publish, wire._PublishRequest),
            "Subscribe": stream(self.subscribe, wire._SubscriptionRequest),
        }
        return grpc.method_handlers_generic_handler("cache_client.pubsub.Pubsub", methods)

    def publish(self, request: Any, _: Metadata) -> Any:
        """An empty response once the message is in the log. Raises CacheNotFound, InvalidArgument, TooLarge."""
        self._caches.open(request.cache_name)
        kind = request.value.WhichOneof("kind")
        if kind is None:
            raise InvalidArgument("A message needs a text or binary value")
        self._topics.publish(request.cache_name, request.topic, getattr(request.value, kind))
        return common_pb2._Empty()

    async def subscribe(self, request: Any, context: Context) -> None:
        """Write heartbeats, messages and discontinuities until the client leaves.

        Raises CacheNotFound, before any message or when the cache is deleted later, InvalidArgument and TooMany.
        """
        self._caches.open(request.cache_name)
        self._topics.check_room()
        topic = self._topics.open(request.cache_name, request.topic)
        cursor = Cursor(topic, request.resume_at_topic_sequence_number, request.sequence_page)
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        heartbeat_at = loop.time()
        with self._tracked(), topic.watch(wake.set):
            while not topic.closed:
                if loop.time() >= heartbeat_at:
                    await context.write(_HEARTBEAT)
                    heartbeat_at = loop.time() + HEARTBEAT_SECONDS
                for event in cursor.take():
                    await context.write(_to_wire(event))
                alarm = loop.call_at(heartbeat_at, wake.set)
                await wake.wait()
                alarm.cancel()
                wake.clear()
        raise CacheNotFound

    async def streams_ended(self) -> None:
        """Wait until the streams of a server that has been stopped have noticed, so that no task outlives it."""
        while self._streams:
            await asyncio.wait(self._streams)
        # grpc.aio wraps each stream in one more task, which ends in the next turn of the loop.
        await asyncio.sleep(0)

    @contextmanager
    def _tracked(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            yield
        finally:
            self._streams.discard(task)


@lru_cache(maxsize=1024)
def _to_wire(event: Event) -> bytes:
    """The event as it goes over the wire; kept, because every subscriber of the topic is sent the same."""
    if isinstance(event, Discontinuity):
        item = wire._SubscriptionItem(
            discontinuity={
                "last_topic_sequence": event.last,
                "new_topic_sequence": event.new,
                "new_sequence_page": event.page,
            }
        )
    else:
        value = {"text": event.value} if isinstance(event.value, str) else {"binary": event.value}
        item = wire._SubscriptionItem(
            item={"topic_sequence_number": event.sequence, "value": value, "sequence_page": event.page}
        )
    encoded: bytes = item.SerializeToString()
    return encoded
