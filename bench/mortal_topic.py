"""`python -m bench.mortal_topic PORT KEY RATE LOG`: the sandbox's topics on a port, publishing until they are killed.

A process that can be killed at any moment and still tells how much it published: it puts a byte into LOG before each
message, so that LOG has as many bytes as there were messages, or one more. It prints a line once it listens.
"""

from __future__ import annotations

import asyncio
import os
import sys

from core.names import CACHE, TOPIC
from sandbox.momento.caches import Caches
from sandbox.momento.grpc_listener import GrpcListener
from sandbox.momento.keys import KeyRing
from sandbox.momento.rpc import ForKnownCallers
from sandbox.momento.topic_rpc import TopicRpc
from sandbox.momento.topics import Topics


async def _serve(port: int, key: str, rate: int, log: str) -> None:
    caches, topics = Caches(), Topics()
    caches.create(CACHE)
    handlers = ForKnownCallers([TopicRpc(caches, topics).handler()], KeyRing(key, "127.0.0.1", key))
    listener = GrpcListener("127.0.0.1", (handlers,))
    print(await listener.open(port), flush=True)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    number = 0
    while True:
        os.write(written, b".")
        topics.publish(CACHE, TOPIC, f"message {number}")
        number += 1
        await asyncio.sleep(1 / rate)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
