"""core/momento_client.py against the sandbox's Momento, over real gRPC."""

import base64
import json
import logging
import socket
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from core.errors import (
    DashboardError,
    InvalidInput,
    NotAuthorized,
    NotFound,
    ServiceFailed,
    Throttled,
    Unreachable,
)
from core.momento_client import MomentoCache
from core.momento_keys import for_sandbox, for_service
from tests.support.running_momento import RunningMomento, odd_momento

CACHE = "weather"


@pytest.fixture(scope="module")
def momento() -> Iterator[RunningMomento]:
    running = RunningMomento()
    yield running
    running.end()


@pytest.fixture
def client(momento: RunningMomento) -> Iterator[MomentoCache]:
    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    yield client
    client.delete_cache(CACHE)
    client.close()


def test_a_value_that_was_set_is_a_hit(client: MomentoCache) -> None:
    client.set(CACHE, "Málaga", b"\x00sunny", ttl_s=60)

    read = client.get(CACHE, "Málaga")

    assert (read.value, read.hit) == (b"\x00sunny", True)
    assert read.latency_ms > 0


def test_an_unknown_key_is_a_miss_and_not_an_error(client: MomentoCache) -> None:
    read = client.get(CACHE, "Nowhere")

    assert (read.value, read.hit) == (None, False)


def test_an_empty_value_is_a_hit(client: MomentoCache) -> None:
    client.set(CACHE, "Oslo", b"", ttl_s=60)

    assert client.get(CACHE, "Oslo").hit


def test_the_remaining_ttl_is_what_is_left(client: MomentoCache) -> None:
    client.set(CACHE, "Oslo", b"cold", ttl_s=120)

    left = client.remaining_ttl(CACHE, "Oslo")

    assert left is not None
    assert timedelta(seconds=60) < left <= timedelta(seconds=120)
    assert client.remaining_ttl(CACHE, "Nowhere") is None


def test_deleting_ends_in_a_miss_also_when_nothing_was_there(client: MomentoCache) -> None:
    client.set(CACHE, "Oslo", b"cold", ttl_s=60)

    client.delete(CACHE, "Oslo")
    client.delete(CACHE, "Oslo")

    assert not client.get(CACHE, "Oslo").hit


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan")])
def test_a_ttl_of_nothing_is_refused_before_any_call(client: MomentoCache, ttl_s: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.set(CACHE, "Oslo", b"cold", ttl_s=ttl_s)

    assert caught.value.field == "ttl_s"


def test_a_cache_is_created_once_listed_flushed_and_deleted(client: MomentoCache) -> None:
    assert client.create_cache("other")
    assert not client.create_cache("other")
    client.set("other", "Oslo", b"cold", ttl_s=60)

    client.flush_cache("other")

    assert not client.get("other", "Oslo").hit
    assert {"other", CACHE} <= set(client.list_caches())
    client.delete_cache("other")
    assert "other" not in client.list_caches()


def test_publishing_needs_no_subscriber(client: MomentoCache, momento: RunningMomento) -> None:
    before = momento.service.stats()["published"]

    client.publish(CACHE, "changes", "hello")

    assert momento.service.stats()["published"] == before + 1


def test_a_healthy_momento_answers_ping_and_check(client: MomentoCache) -> None:
    assert client.ping() > 0
    assert client.check(CACHE) > 0


def test_a_missing_cache_is_not_found_and_named(client: MomentoCache) -> None:
    for call in (
        lambda: client.get("absent", "Oslo"),
        lambda: client.check("absent"),
        lambda: client.publish("absent", "changes", "hello"),
        lambda: client.delete_cache("absent"),
        lambda: client.flush_cache("absent"),
    ):
        with pytest.raises(NotFound, match="absent") as caught:
            call()
        assert caught.value.advice


def test_a_message_over_the_limit_is_throttled(client: MomentoCache) -> None:
    with pytest.raises((Throttled, ServiceFailed), match="changes"):
        client.publish(CACHE, "changes", "x" * 100_000)


def test_a_name_that_cannot_be_sent_fails_cleanly(client: MomentoCache) -> None:
    with pytest.raises(ServiceFailed):
        client.get("two\nlines", "Oslo")


def test_a_wrong_key_is_not_authorized(momento: RunningMomento) -> None:
    client = MomentoCache(momento.address(token="wrong-key"))

    with pytest.raises(NotAuthorized, match="the key was refused"):
        client.check(CACHE)
    client.close()


def test_the_inner_key_of_a_v1_key_is_accepted(momento: RunningMomento) -> None:
    inner = json.loads(base64.b64decode(momento.keys.v1_key))["api_key"]
    v1 = base64.b64encode(json.dumps({"endpoint": "cell.example.com", "api_key": inner}).encode()).decode()
    token = for_service(v1).token
    client = MomentoCache(replace(momento.address(), token=token))

    assert isinstance(client.list_caches(), tuple)
    client.close()


def test_no_failure_shows_the_key(momento: RunningMomento, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = MomentoCache(momento.address(token="wrong-key"))
    shown = [repr(client), repr(client.address)]

    for cache in (CACHE, "two\nlines", "é"):
        with pytest.raises(DashboardError) as caught:
            client.get(cache, "Oslo")
        shown += traceback.format_exception(caught.value)
    client.close()

    assert "wrong-key" not in "".join([*shown, caplog.text])


def test_a_server_that_quotes_the_key_is_not_quoted() -> None:
    def quote_the_header(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.UNKNOWN, f"what is {dict(context.invocation_metadata())}?")
        yield b""

    with odd_momento("cache_client.Scs", "Get", quote_the_header) as address:
        client = MomentoCache(address)
        with pytest.raises(ServiceFailed, match=r"\(key\)") as caught:
            client.get(CACHE, "Oslo")
        client.close()

    assert address.token not in "".join(traceback.format_exception(caught.value))


def test_nothing_listening_is_unreachable_at_once() -> None:
    with socket.socket() as bound_only:
        bound_only.bind(("127.0.0.1", 0))
        client = MomentoCache(for_sandbox("127.0.0.1", bound_only.getsockname()[1], "http://x", "key"))

        with pytest.raises(Unreachable, match=r"Reading 'Oslo' from cache weather at 127\.0\.0\.1"):
            client.get(CACHE, "Oslo")
        client.close()


def test_no_answer_in_time_is_unreachable() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = for_sandbox("127.0.0.1", listening.getsockname()[1], "http://x", "key")
        client = MomentoCache(address, deadline_s=0.2)

        with pytest.raises(Unreachable):
            client.ping()
        client.close()


def test_a_closed_client_says_so(momento: RunningMomento) -> None:
    client = MomentoCache(momento.address())
    client.close()

    with pytest.raises(Unreachable, match="closed"):
        client.get(CACHE, "Oslo")


def test_it_works_again_after_momento_was_away() -> None:
    momento = RunningMomento()
    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    client.set(CACHE, "Oslo", b"cold", ttl_s=600)

    momento.stop_listening()
    with pytest.raises(Unreachable):
        client.get(CACHE, "Oslo")
    momento.start_listening()

    assert _eventually_reads(client, "Oslo") == b"cold"
    client.close()
    momento.end()


def _eventually_reads(client: MomentoCache, key: str) -> bytes | None:
    for _ in range(1000):
        try:
            return client.get(CACHE, key).value
        except Unreachable:
            time.sleep(0.02)
    raise AssertionError("it stayed unreachable")
