"""Access tokens of the sandbox's Momento: granted to its client only, good for the HTTP API until they end."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.faults.fault import fault_of
from sandbox.momento.keys import KeyRing
from sandbox.momento.oauth import GrantRefused, TokenIssuer
from sandbox.momento.service import MomentoService


@pytest.fixture
async def momento() -> AsyncIterator[MomentoService]:
    service = MomentoService(KeyRing.mint("127.0.0.1"))
    await service.start()
    service._caches.create("c")
    yield service
    await service.close()


async def post(momento: MomentoService, path: str = "/oauth/token", **request: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession(momento.http_endpoint) as session, session.post(path, **request) as answer:
        return answer.status, json.loads(await answer.read())


def form(momento: MomentoService) -> dict[str, str]:
    tokens = momento.tokens
    return {
        "grant_type": "client_credentials",
        "client_id": tokens.client_id,
        "client_secret": tokens.client_secret,
    }


@pytest.mark.parametrize("way", ["form", "json", "basic"])
async def test_a_token_is_granted_and_opens_the_http_api(momento: MomentoService, way: str) -> None:
    fields = form(momento)
    basic = base64.b64encode(f"{fields['client_id']}:{fields['client_secret']}".encode()).decode()
    requests: dict[str, dict[str, Any]] = {
        "form": {"data": fields},
        "json": {"json": fields},
        "basic": {"data": {"grant_type": "client_credentials"}, "headers": {"Authorization": f"Basic {basic}"}},
    }

    status, granted = await post(momento, **requests[way])

    assert (status, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 3600)
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    async with aiohttp.ClientSession(momento.http_endpoint, headers=headers) as session:
        answer = await session.put("/cache/c?key=k&ttl_seconds=60", data=b"v")
        assert answer.status == 204


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_id": "somebody"}, (401, "invalid_client")),
        ({"client_secret": ""}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    ],
)
async def test_whoever_is_not_the_client_gets_no_token(
    momento: MomentoService, change: dict[str, str], expected: tuple[int, str]
) -> None:
    status, answer = await post(momento, data=form(momento) | change)

    assert (status, answer["error"]) == expected


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer invented"}, {"Authorization": "Bearer "}])
async def test_an_invented_token_opens_nothing(momento: MomentoService, headers: dict[str, str]) -> None:
    status, _ = await post(momento, "/topics/c/t", data=b"x", headers=headers)

    assert status == 401


async def test_a_fault_of_the_token_endpoint_strikes_it_and_nothing_else(momento: MomentoService) -> None:
    momento.faults.add(fault_of({"target": "oauth token", "status": 503, "count": 1}))

    async with (
        aiohttp.ClientSession(momento.http_endpoint, headers={"Authorization": momento.keys.v2_key}) as session,
        session.post("/topics/c/t", data=b"x") as answer,
    ):
        assert answer.status == 204
    assert (await post(momento, data=form(momento)))[0] == 503
    assert (await post(momento, data=form(momento)))[0] == 200


def test_a_token_ends_with_its_lifetime() -> None:
    now = [100.0]
    issuer = TokenIssuer(lifetime_s=60, clock=lambda: now[0])
    body = f"grant_type=client_credentials&client_id={issuer.client_id}&client_secret={issuer.client_secret}"
    token = issuer.grant("", body.encode())["access_token"]
    assert issuer.check(f"Bearer {token}")

    now[0] += 60

    assert not issuer.check(f"Bearer {token}")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b"grant_type=client_credentials", b'{"grant_type":"client_credentials"}']
)
def test_nonsense_is_refused_and_shows_no_secret(body: bytes) -> None:
    issuer = TokenIssuer()

    with pytest.raises(GrantRefused) as refused:
        issuer.grant("Basic %%%", body)

    assert issuer.client_secret not in repr(issuer) + str(refused.value)
