"""The HTTP API over a real socket, as an API destination calls it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sandbox.faults.fault import fault_of
from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService


class Client:
    """Calls the API with the key in the header; paths and queries are sent exactly as written."""

    def __init__(self, momento: MomentoService, session: aiohttp.ClientSession) -> None:
        self.momento = momento
        self.session = session
        self.headers = {"Authorization": momento.keys.v2_key}

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        url = URL(self.momento.http_endpoint + path, encoded=True)
        sent = {"Content-Type": "application/json"} | (self.headers if headers is None else headers)
        async with self.session.request(method, url, data=io.BytesIO(body), headers=sent) as response:
            return response.status, await response.read()

    async def status(self, method: str, path: str, body: bytes = b"", headers: Any = None) -> int:
        return (await self.call(method, path, body, headers))[0]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    async with aiohttp.ClientSession() as session:
        yield Client(service, session)
    await service.close()


async def test_an_item_is_put_read_overwritten_deleted_and_gone(client: Client) -> None:
    assert await client.call("PUT", "/cache/c?key=Oslo&ttl_seconds=60", b'{"a":1}') == (204, b"")
    assert await client.call("GET", "/cache/c?key=Oslo") == (200, b'{"a":1}')
    assert await client.status("PUT", "/cache/c?key=Oslo&ttl_seconds=60", b"") == 204
    assert await client.call("GET", "/cache/c?key=Oslo") == (200, b"")
    assert await client.call("DELETE", "/cache/c?key=Oslo") == (204, b"")
    status, body = await client.call("GET", "/cache/c?key=Oslo")
    assert (status, json.loads(body)["message"]) == (404, "Key not found")
    assert await client.status("DELETE", "/cache/c?key=Oslo") == 204


async def test_a_value_comes_back_as_bytes_with_a_length(client: Client) -> None:
    await client.call("PUT", "/cache/c?key=k&ttl_seconds=60", bytes(range(256)))
    url = client.momento.http_endpoint + "/cache/c?key=k"
    async with client.session.get(url, headers=client.headers) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Length"] == "256"
        assert await response.read() == bytes(range(256))


async def test_names_and_keys_are_percent_decoded(client: Client) -> None:
    client.momento._caches.create("a/b ü")
    assert await client.status("PUT", "/cache/a%2Fb%20%C3%BC?key=San+Jos%C3%A9%26%FF&ttl_seconds=60", b"v") == 204
    key = "San José&".encode() + b"\xff"
    assert client.momento._caches.open("a/b ü").get(key) == b"v"


async def test_a_key_in_base64_is_the_same_key_with_or_without_padding(client: Client) -> None:
    key = b"\xfb\xff key"
    encoded = base64.urlsafe_b64encode(key).decode()
    assert await client.status("PUT", f"/cache/c?key_base64={encoded}&ttl_seconds=60", b"v") == 204
    assert await client.call("GET", f"/cache/c?key_base64={encoded.rstrip('=')}") == (200, b"v")
    assert client.momento._caches.open("c").get(key) == b"v"


@pytest.mark.parametrize(
    "query",
    [
        "ttl_seconds=60",
        "key=&ttl_seconds=60",
        "key=k&key_base64=aw&ttl_seconds=60",
        "key_base64=a&ttl_seconds=60",
        "key=k",
        "key=k&ttl_seconds=",
        "key=k&ttl_seconds=0",
        "key=k&ttl_seconds=-1",
        "key=k&ttl_seconds=1.5",
        "key=k&ttl_seconds=86401",
        "key=k&ttl_seconds=99999999999999999999999",
        "key=k&ttl_seconds=%D9%A1",
    ],
)
async def test_a_put_that_makes_no_sense_is_a_bad_request_and_stores_nothing(client: Client, query: str) -> None:
    assert await client.status("PUT", f"/cache/c?{query}", b"v") == 400
    assert len(client.momento._caches.open("c")) == 0


async def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert await client.status("PUT", "/cache/c?key=k&value=x&ttl_seconds=86400", b"v") == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/cache/nowhere?key=k"),
        ("PUT", "/cache/nowhere?key=k&ttl_seconds=60"),
        ("DELETE", "/cache/nowhere?key=k"),
        ("POST", "/topics/nowhere/t"),
        ("GET", "/topics/nowhere/t"),
    ],
)
async def test_a_missing_cache_is_not_found_in_every_shape_that_clients_read(
    client: Client, method: str, path: str
) -> None:
    status, body = await client.call(method, path)
    error = json.loads(body)
    assert (status, error["status"]) == (404, 404)
    assert error["title"] == "Not Found"
    assert error["code"] == "NotFound"
    assert error["message"] == error["detail"] == "Cache not found"


async def test_the_key_may_come_as_a_parameter_and_in_any_form(client: Client) -> None:
    keys = client.momento.keys
    inner = json.loads(base64.b64decode(keys.v1_key))["api_key"]
    for key in (keys.v2_key, keys.v1_key, inner):
        assert await client.status("DELETE", "/cache/c?key=k", headers={"Authorization": key}) == 204
        token = key.replace("+", "%2B").replace("=", "%3D")
        assert await client.status("DELETE", f"/cache/c?key=k&token={token}", headers={}) == 204


async def test_no_key_or_a_wrong_one_is_unauthorized_and_two_are_a_bad_request(client: Client) -> None:
    assert await client.status("DELETE", "/cache/c?key=k", headers={}) == 401
    assert await client.status("DELETE", "/cache/c?key=k", headers={"Authorization": "wrong"}) == 401
    assert await client.status("DELETE", "/cache/c?key=k&token=wrong", headers={}) == 401
    assert await client.status("DELETE", "/cache/c?key=k&token=x") == 400
    client.momento.keys.revoke()
    assert await client.status("DELETE", "/cache/c?key=k") == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/cache"),
        ("PUT", "/cache/c/d?key=k"),
        ("POST", "/topics/c"),
        ("POST", "/cache/c"),
        ("PATCH", "/x"),
    ],
)
async def test_other_paths_and_methods_are_not_found(client: Client, method: str, path: str) -> None:
    assert await client.status(method, path) == 404


async def test_a_path_that_is_no_text_is_a_bad_request(client: Client) -> None:
    assert await client.status("DELETE", "/cache/%FF?key=k") == 400


async def test_a_request_target_that_is_no_path_is_not_found(client: Client) -> None:
    reader, writer = await asyncio.open_connection(client.momento.host, client.momento.http_port)
    writer.write(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_an_item_over_five_megabytes_is_refused_as_a_limit(client: Client) -> None:
    limit = 5 * 1024 * 1024
    assert await client.status("PUT", "/cache/c?key=k&ttl_seconds=60", bytes(limit - 1)) == 204
    assert await client.status("PUT", "/cache/c?key=k&ttl_seconds=60", bytes(limit)) == 429
    status, body = await client.call("PUT", "/cache/c?key=k&ttl_seconds=60", bytes(limit + 1))
    assert (status, json.loads(body)["err"]) == (429, "request_size_limit_exceeded")


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json; charset=utf-8", b'{"a":"\xc2\xb0"}', {"text": '{"a":"°"}'}),
        ("text/plain", b"text", {"text": "text"}),
        ("application/x-www-form-urlencoded", b"text", {"text": "text"}),
        ("Application/Octet-Stream; x=y", b"text", {"binary": "dGV4dA=="}),
        ("text/plain", b"\xff", {"binary": "/w=="}),
    ],
)
async def test_the_content_type_decides_between_text_and_bytes(
    client: Client, content_type: str, body: bytes, value: dict[str, str]
) -> None:
    headers = client.headers | {"Content-Type": content_type}
    assert await client.call("POST", "/topics/c/t", body, headers) == (204, b"")
    _, polled = await client.call("GET", "/topics/c/t")
    assert json.loads(polled)["items"][0]["item"]["value"] == value


async def test_a_message_over_four_kilobytes_is_refused_as_a_limit(client: Client) -> None:
    assert await client.status("POST", "/topics/c/t", b"x" * 4_096) == 204
    assert await client.status("POST", "/topics/c/t", b"x" * 4_097) == 429


async def test_a_long_poll_waits_for_the_message_it_asks_for(client: Client) -> None:
    # Given a poll for the first message of an unused topic
    poll = asyncio.create_task(client.call("GET", "/topics/c/t?sequence_number=0&sequence_page=0"))
    while client.momento.stats()["subscribers"] == 0:
        await asyncio.sleep(0.005)
    # When it is published
    await client.call("POST", "/topics/c/t", b"first")
    # Then it is the answer, and the next poll goes on from there
    status, body = await asyncio.wait_for(poll, 10)
    item = json.loads(body)["items"][0]["item"]
    assert (status, item["topic_sequence_number"], item["value"]) == (200, 1, {"text": "first"})
    await client.call("POST", "/topics/c/t", b"second")
    path = f"/topics/c/t?sequence_number=2&sequence_page={item['sequence_page']}"
    _, body = await client.call("GET", path)
    assert [one["item"]["value"]["text"] for one in json.loads(body)["items"]] == ["second"]


async def test_a_long_poll_from_a_lost_place_tells_the_discontinuity_first(client: Client) -> None:
    await client.call("POST", "/topics/c/t", b"only")
    _, body = await client.call("GET", "/topics/c/t?sequence_number=101&sequence_page=7")
    gap, item = json.loads(body)["items"]
    assert gap["discontinuity"]["last_topic_sequence"] == 100
    assert gap["discontinuity"]["new_topic_sequence"] == item["item"]["topic_sequence_number"] == 1
    assert gap["discontinuity"]["new_sequence_page"] == item["item"]["sequence_page"]


async def test_a_long_poll_ends_with_its_cache_and_leaves_with_its_client(client: Client) -> None:
    poll = asyncio.create_task(client.call("GET", "/topics/c/t"))
    while client.momento.stats()["subscribers"] == 0:
        await asyncio.sleep(0.005)
    client.momento._topics.drop("c")
    assert (await asyncio.wait_for(poll, 10))[0] == 404

    gone = asyncio.create_task(client.call("GET", "/topics/c/t"))
    while client.momento.stats()["subscribers"] == 0:
        await asyncio.sleep(0.005)
    gone.cancel()
    async with asyncio.timeout(10):
        while client.momento.stats()["subscribers"]:
            await asyncio.sleep(0.005)


async def test_a_fault_answers_in_place_of_the_api_until_it_is_used_up(client: Client) -> None:
    client.momento.faults.add(fault_of({"route": "PUT /cache", "status": 500, "count": 1}))
    assert await client.status("DELETE", "/cache/c?key=k") == 204
    status, body = await client.call("PUT", "/cache/c?key=k&ttl_seconds=60", b"v")
    assert (status, json.loads(body)["title"]) == (500, "Internal Server Error")
    assert len(client.momento._caches.open("c")) == 0
    assert await client.status("PUT", "/cache/c?key=k&ttl_seconds=60", b"v") == 204
    assert [fired.target for fired in client.momento.faults.fired()] == ["momento.http PUT /cache"]


async def test_a_fault_that_only_delays_lets_the_request_through(client: Client) -> None:
    client.momento.faults.add(fault_of({"route": "*", "status": None, "delay_ms": 50}))
    assert await client.status("PUT", "/cache/c?key=k&ttl_seconds=60", b"v") == 204
    assert client.momento._caches.open("c").get(b"k") == b"v"


async def test_a_request_whose_client_leaves_during_the_delay_is_not_carried_out(client: Client) -> None:
    client.momento.faults.add(fault_of({"route": "*", "status": None, "delay_ms": 30_000}))
    call = asyncio.create_task(client.call("PUT", "/cache/c?key=k&ttl_seconds=60", b"v"))
    while not client.momento.faults.fired():
        await asyncio.sleep(0.005)
    call.cancel()
    await client.momento.stop_listening()
    assert client.momento._caches.open("c").get(b"k") is None


@pytest.mark.parametrize("status", [204, 302, 401, 429, 503])
async def test_a_fault_may_answer_any_status(client: Client, status: int) -> None:
    client.momento.faults.add(fault_of({"route": "*", "status": status}))
    url = client.momento.http_endpoint + "/cache/c?key=k"
    async with client.session.get(url, headers=client.headers, allow_redirects=False) as response:
        assert response.status == status


async def test_requests_are_counted_by_route_and_status(client: Client) -> None:
    await client.call("PUT", "/cache/c?key=k&ttl_seconds=60", b"v")
    await client.call("GET", "/cache/c?key=k")
    await client.call("GET", "/cache/c?key=other")
    await client.call("GET", "/nothing")
    await client.call("POST", "/topics/c/t", b"x", headers={})
    assert client.momento.stats()["http"] == {
        "PUT /cache 204": 1,
        "GET /cache 200": 1,
        "GET /cache 404": 1,
        "other 404": 1,
        "POST /topics 401": 1,
    }
