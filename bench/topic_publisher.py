"""`python -m bench.topic_publisher RATE SECONDS`: the sandbox's topics, which publish weather events by themselves.

A process of its own, so that the process which follows the topic can be measured alone. It prints one line of JSON when
it listens, begins when a line comes on standard input, prints its log's count and digest at the end, and goes on
serving until standard input closes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys

from core.names import CACHE, TOPIC
from sandbox.momento.caches import Caches
from sandbox.momento.grpc_listener import GrpcListener
from sandbox.momento.keys import KeyRing
from sandbox.momento.rpc import ForKnownCallers
from sandbox.momento.topic_rpc import TopicRpc
from sandbox.momento.topics import Topics

_CITIES = ("Seattle", "New York", "Chicago", "Houston", "Phoenix", "San Diego", "Dallas", "San Jose", "Philadelphia")
_TYPES = ("INSERT", "MODIFY", "MODIFY", "MODIFY", "REMOVE")


def digest_of(digest: str, payload: str) -> str:
    """The digest of a log after one more payload: it tells apart logs that differ in any payload or their order."""
    return hashlib.sha256(f"{digest}\n{payload}".encode()).hexdigest()


async def _serve(rate: int, seconds: int) -> None:
    keys = KeyRing.mint("127.0.0.1")
    caches, topics = Caches(), Topics()
    caches.create(CACHE)
    listener = GrpcListener("127.0.0.1", (ForKnownCallers([TopicRpc(caches, topics).handler()], keys),))
    _print({"port": await listener.open(0), "key": keys.v2_key})
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    _print(await _publish(topics, rate, seconds))
    await loop.run_in_executor(None, sys.stdin.read)
    await listener.close()


async def _publish(topics: Topics, rate: int, seconds: int) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    started, digest = loop.time(), ""
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, started + number / rate - loop.time()))
        payload = _payload(number)
        topics.publish(CACHE, TOPIC, payload)
        digest = digest_of(digest, payload)
    return {"published": rate * seconds, "digest": digest, "took_s": loop.time() - started}


def _payload(number: int) -> str:
    """What the pipeline's template makes of a change; the low temperature is the number, so no two are alike."""
    kind = random.choice(_TYPES)
    removed = kind == "REMOVE"
    return json.dumps(
        {
            "EventType": kind,
            "Location": random.choice(_CITIES),
            "MaxTemp": "" if removed else f"{random.uniform(50, 110):.1f}",
            "MinTemp": str(number),
            "ChancesOfPrecipitation": "" if removed else str(random.randrange(101)),
        }
    )


def _print(content: dict[str, object]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
