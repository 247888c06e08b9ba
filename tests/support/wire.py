"""What tests of pages put into the pipeline behind the pages' backs, with the clients that the product ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core import momento_keys
from core.momento_client import MomentoCache
from core.names import CACHE, TOPIC
from sandbox.state import SandboxState


@contextmanager
def momento(state: SandboxState) -> Iterator[MomentoCache]:
    """A client of a sandbox's Momento."""
    address = momento_keys.for_sandbox(
        state.momento_host, state.momento_port, state.momento_http_endpoint, state.momento_api_key
    )
    cache = MomentoCache(address)
    try:
        yield cache
    finally:
        cache.close()


def publish(state: SandboxState, *payloads: str) -> None:
    """Publishes to the pipeline's topic."""
    with momento(state) as client:
        for payload in payloads:
            client.publish(CACHE, TOPIC, payload)


def item(location: str, **changed: str) -> dict[str, Any]:
    """A DynamoDB item of that location, with an hour to live; numbers may be given as texts."""
    numbers = {"MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "10", "TTL": "3600", **changed}
    return {"Location": {"S": location}, **{name: {"N": number} for name, number in numbers.items()}}


def cached(location: str, **changed: str) -> bytes:
    """The value that the cache-put pipe writes for `item(location)`."""
    values = {"Location": location, "MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "10", **changed}
    return json.dumps(values).encode()


def dead_letter(pipe: str, condition: str = "RetryAttemptsExhausted") -> str:
    """A message as Pipes puts it into the queue (facts/aws-pipes.md, section 2)."""
    return json.dumps(
        {
            "context": {
                "partnerResourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe}",
                "condition": condition,
            },
            "version": "1.0",
            "timestamp": "2026-11-21T21:33:33.333Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001763760813333-abcdef12",
                "startSequenceNumber": "100000000000000000042",
                "endSequenceNumber": "100000000000000000042",
                "approximateArrivalOfFirstRecord": "2026-11-21T21:33:31Z",
                "approximateArrivalOfLastRecord": "2026-11-21T21:33:31Z",
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026",
            },
        }
    )
