"""The official Python SDK against the sandbox's Momento: it must not be able to tell the difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from momento import CacheClient, Configurations, CredentialProvider, TopicClient, TopicConfigurations
from momento.errors import MomentoErrorCode
from momento.responses import (
    CacheFlush,
    CacheGet,
    CacheIncrement,
    CacheSet,
    CacheSetIfNotExists,
    CreateCache,
    DeleteCache,
    ListCaches,
    TopicPublish,
    TopicSubscribe,
    TopicSubscriptionItem,
)

from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService

Result = TypeVar("Result")


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    yield service
    await service.close()


def provider(momento: MomentoService, token: str | None = None) -> CredentialProvider:
    """Plaintext to the sandbox with a token: the SDK's own `for_momento_local` sends none."""
    key = momento.keys.v2_key if token is None else token
    return CredentialProvider(key, momento.host, momento.host, momento.host, momento.grpc_port)


async def with_cache_client(
    momento: MomentoService, use: Callable[[CacheClient], Result], token: str | None = None
) -> Result:
    """The SDK blocks, so it works in a thread while Momento has the loop."""

    def work() -> Result:
        with CacheClient.create(Configurations.Laptop.v1(), provider(momento, token), timedelta(seconds=60)) as client:
            return use(client)

    return await asyncio.to_thread(work)


async def test_caches_are_created_listed_flushed_and_deleted(momento: MomentoService) -> None:
    def use(client: CacheClient) -> None:
        assert isinstance(client.create_cache("b"), CreateCache.Success)
        assert isinstance(client.create_cache("a"), CreateCache.Success)
        assert isinstance(client.create_cache("a"), CreateCache.CacheAlreadyExists)
        listed = client.list_caches()
        assert isinstance(listed, ListCaches.Success)
        assert [cache.name for cache in listed.caches] == ["a", "b"]
        client.set("a", "key", "value")
        assert isinstance(client.flush_cache("a"), CacheFlush.Success)
        assert isinstance(client.get("a", "key"), CacheGet.Miss)
        assert isinstance(client.delete_cache("a"), DeleteCache.Success)
        again = client.delete_cache("a")
        assert isinstance(again, DeleteCache.Error)
        assert again.error_code == MomentoErrorCode.NOT_FOUND_ERROR

    await with_cache_client(momento, use)


async def test_an_item_is_set_hit_deleted_and_missed(momento: MomentoService) -> None:
    def use(client: CacheClient) -> None:
        client.create_cache("c")
        assert isinstance(client.set("c", "Zürich", '{"MaxTemp": "70"}'), CacheSet.Success)
        hit = client.get("c", "Zürich")
        assert isinstance(hit, CacheGet.Hit)
        assert hit.value_string == '{"MaxTemp": "70"}'
        client.delete("c", "Zürich")
        assert isinstance(client.get("c", "Zürich"), CacheGet.Miss)

    await with_cache_client(momento, use)
    assert momento.stats()["cache"] == {"sets": 1, "gets": 2, "hits": 1, "misses": 1, "deletes": 1}


async def test_an_item_is_gone_when_its_time_to_live_is_over(momento: MomentoService) -> None:
    def store(client: CacheClient) -> Any:
        client.create_cache("c")
        client.set("c", "key", "value", timedelta(milliseconds=200))
        return client.set_if_not_exists("c", "key", "other")

    assert isinstance(await with_cache_client(momento, store), CacheSetIfNotExists.NotStored)
    await asyncio.sleep(0.25)
    assert isinstance(await with_cache_client(momento, lambda client: client.get("c", "key")), CacheGet.Miss)


async def test_a_counter_counts_and_text_does_not(momento: MomentoService) -> None:
    def use(client: CacheClient) -> None:
        client.create_cache("c")
        client.increment("c", "n", 5)
        counted = client.increment("c", "n", -2)
        assert isinstance(counted, CacheIncrement.Success)
        assert counted.value == 3
        client.set("c", "text", "seven")
        refused = client.increment("c", "text")
        assert isinstance(refused, CacheIncrement.Error)
        assert refused.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR

    await with_cache_client(momento, use)


async def test_a_missing_cache_is_not_found_in_the_words_that_programs_look_for(momento: MomentoService) -> None:
    missing = await with_cache_client(momento, lambda client: client.get("nowhere", "key"))
    assert isinstance(missing, CacheGet.Error)
    assert missing.error_code == MomentoErrorCode.NOT_FOUND_ERROR
    assert missing.inner_exception.transport_details is not None
    assert missing.inner_exception.transport_details.grpc.details == "Cache not found"


async def test_an_item_of_five_megabytes_is_stored_and_read_back(momento: MomentoService) -> None:
    value = bytes(5 * 1024 * 1024 - 3)

    def use(client: CacheClient) -> None:
        client.create_cache("c")
        assert isinstance(client.set("c", "key", value), CacheSet.Success)
        hit = client.get("c", "key")
        assert isinstance(hit, CacheGet.Hit)
        assert len(hit.value_bytes) == len(value)

    await with_cache_client(momento, use)


async def test_an_item_above_the_limit_is_refused_as_a_limit(momento: MomentoService) -> None:
    def use(client: CacheClient) -> Any:
        client.create_cache("c")
        return client.set("c", "key", bytes(5 * 1024 * 1024 - 2))

    refused = await with_cache_client(momento, use)
    assert isinstance(refused, CacheSet.Error)
    assert refused.error_code == MomentoErrorCode.LIMIT_EXCEEDED_ERROR


async def test_a_time_to_live_above_a_day_is_refused(momento: MomentoService) -> None:
    def use(client: CacheClient) -> Any:
        client.create_cache("c")
        return client.set("c", "key", "value", timedelta(days=1, milliseconds=1))

    refused = await with_cache_client(momento, use)
    assert isinstance(refused, CacheSet.Error)
    assert refused.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_wrong_or_missing_key_is_an_authentication_error(momento: MomentoService, token: str) -> None:
    refused = await with_cache_client(momento, lambda client: client.create_cache("c"), token)
    assert isinstance(refused, CreateCache.Error)
    assert refused.error_code == MomentoErrorCode.AUTHENTICATION_ERROR
    read = await with_cache_client(momento, lambda client: client.get("c", "key"), token)
    assert isinstance(read, CacheGet.Error)
    assert read.error_code == MomentoErrorCode.AUTHENTICATION_ERROR


async def test_a_revoked_key_is_refused_until_it_is_restored(momento: MomentoService) -> None:
    await with_cache_client(momento, lambda client: client.create_cache("c"))
    momento.keys.revoke()
    refused = await with_cache_client(momento, lambda client: client.get("c", "key"))
    momento.keys.restore()
    accepted = await with_cache_client(momento, lambda client: client.get("c", "key"))
    assert isinstance(refused, CacheGet.Error)
    assert refused.error_code == MomentoErrorCode.AUTHENTICATION_ERROR
    assert isinstance(accepted, CacheGet.Miss)


async def test_a_method_that_the_sandbox_does_not_have_is_named(momento: MomentoService) -> None:
    refused = await with_cache_client(momento, lambda client: client.list_fetch("c", "key"))
    assert "ListFetch" in str(refused)


async def test_topics_carry_text_and_bytes_and_replay_the_latest_to_a_newcomer(momento: MomentoService) -> None:
    await with_cache_client(momento, lambda client: client.create_cache("c"))

    def use() -> list[TopicSubscriptionItem]:
        with TopicClient(TopicConfigurations.Default.v1(), provider(momento)) as client:
            assert isinstance(client.publish("c", "t", "before"), TopicPublish.Success)
            subscription = client.subscribe("c", "t")
            assert isinstance(subscription, TopicSubscribe.Subscription)
            client.publish("c", "t", "text")
            client.publish("c", "t", b"\x00bytes")
            items: Iterator[TopicSubscriptionItem] = iter(subscription)
            return [next(items), next(items), next(items)]

    items = await asyncio.to_thread(use)
    assert [(type(item), item.value, item.sequence_number) for item in items] == [
        (TopicSubscriptionItem.Text, "before", 1),
        (TopicSubscriptionItem.Text, "text", 2),
        (TopicSubscriptionItem.Binary, b"\x00bytes", 3),
    ]


async def test_topics_need_their_cache_and_a_message_within_the_limit(momento: MomentoService) -> None:
    await with_cache_client(momento, lambda client: client.create_cache("c"))

    def use() -> tuple[Any, Any, Any]:
        with TopicClient(TopicConfigurations.Default.v1(), provider(momento)) as client:
            return (
                client.publish("nowhere", "t", "x"),
                client.subscribe("nowhere", "t"),
                client.publish("c", "t", "x" * 4_097),
            )

    published, subscribed, too_long = await asyncio.to_thread(use)
    assert isinstance(published, TopicPublish.Error)
    assert published.error_code == MomentoErrorCode.NOT_FOUND_ERROR
    assert isinstance(subscribed, TopicSubscribe.Error)
    assert subscribed.error_code == MomentoErrorCode.NOT_FOUND_ERROR
    assert isinstance(too_long, TopicPublish.Error)
    assert too_long.error_code == MomentoErrorCode.LIMIT_EXCEEDED_ERROR
    assert momento.stats()["published"] == 0
