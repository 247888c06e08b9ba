"""Momento over its generated stubs, as thin as it gets, so that what is measured is the pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from momento_wire_types import cacheclient_pb2, cacheclient_pb2_grpc, cachepubsub_pb2, cachepubsub_pb2_grpc

from core.names import CACHE, TOPIC
from sandbox.state import SandboxState


class Cache:
    """Reads of the pipeline's cache."""

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._stub = cacheclient_pb2_grpc.ScsStub(channel)
        self._metadata = (("authorization", token), ("cache", CACHE))

    def get(self, key: str) -> bytes | None:
        """The value of a key, None for a miss."""
        request = cacheclient_pb2._GetRequest(cache_key=key.encode())
        answer = self._stub.Get(request, metadata=self._metadata, timeout=5)
        hit: bool = answer.result == cacheclient_pb2.Hit
        return bytes(answer.cache_body) if hit else None


@dataclass
class Subscriber:
    """Reads the pipeline's topic in a thread: (monotonic s of arrival, sequence number, text) of each event."""

    channel: grpc.Channel
    token: str
    events: list[tuple[float, int, str]] = field(default_factory=list)
    discontinuities: int = 0

    def __post_init__(self) -> None:
        request = cachepubsub_pb2._SubscriptionRequest(cache_name=CACHE, topic=TOPIC)
        stub = cachepubsub_pb2_grpc.PubsubStub(self.channel)
        self._call = stub.Subscribe(request, metadata=(("authorization", self.token),))
        self._live = threading.Event()
        self._thread = threading.Thread(target=self._read, name="subscriber", daemon=True)

    def start(self) -> None:
        """Returns when the subscription is live: its first heartbeat has come. Raises TimeoutError."""
        self._thread.start()
        if not self._live.wait(10):
            raise TimeoutError("The topic sent nothing for 10 s.")

    def close(self) -> None:
        """End the subscription."""
        self._call.cancel()
        self._thread.join(5)

    def _read(self) -> None:
        try:
            for message in self._call:
                arrived = time.perf_counter()
                kind = message.WhichOneof("kind")
                if kind == "item":
                    item = message.item
                    self.events.append((arrived, item.topic_sequence_number, item.value.text))
                elif kind == "discontinuity":
                    self.discontinuities += 1
                self._live.set()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                raise


@contextmanager
def momento(state: SandboxState) -> Iterator[tuple[Cache, Subscriber]]:
    """The cache, and a live subscription to the topic."""
    with grpc.insecure_channel(f"{state.momento_host}:{state.momento_port}") as channel:
        subscriber = Subscriber(channel, state.momento_api_key)
        subscriber.start()
        yield Cache(channel, state.momento_api_key), subscriber
        subscriber.close()
