"""OAuth client credentials, the rate limit, Retry-After, and the other reading of connection failures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest_asyncio
from aiohttp import web

from sandbox.pipes.target.api_destination import ConnectionFailures
from tests.support.running_pipes import SECRET, Call, Stage, stage, until


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


class Authorizer:
    """An endpoint that gives tokens on /token, and takes requests that carry the newest one."""

    def __init__(self, *, lifetime_s: int = 3600) -> None:
        self.given = 0
        self.lifetime_s = lifetime_s
        self.token_status = 200

    def answer(self, call: Call) -> web.Response:
        if call.url.startswith("/token"):
            if self.token_status != 200:
                return web.Response(status=self.token_status, text=f"bad secret {SECRET}")
            self.given += 1
            body = {"access_token": f"token-{self.given}", "expires_in": self.lifetime_s, "token_type": "Bearer"}
            return web.json_response(body)
        good = call.headers.get("Authorization") == f"Bearer token-{self.given}"
        return web.Response(status=204 if good else 401, text="" if good else str(call.headers["Authorization"]))


async def with_oauth(at: Stage, authorizer: Authorizer, method: str = "POST") -> None:
    """Make a destination with OAuth, and a pipe to it."""
    at.endpoint.answer = authorizer.answer
    oauth = {
        "ClientParameters": {"ClientID": "me", "ClientSecret": SECRET},
        "AuthorizationEndpoint": f"http://127.0.0.1:{at.endpoint.port}/token",
        "HttpMethod": method,
        "OAuthHttpParameters": {
            "BodyParameters": [{"Key": "scope", "Value": "write", "IsValueSecret": False}],
            "HeaderParameters": [{"Key": "X-Tenant", "Value": "weather", "IsValueSecret": False}],
        },
    }
    kind = "OAUTH_CLIENT_CREDENTIALS"
    parameters = {"OAuthParameters": oauth}
    at.destination_arn = await at.destination("o", "PUT", "/in", AuthorizationType=kind, AuthParameters=parameters)
    await at.create_pipe(level="TRACE")


def requests(at: Stage, path: str) -> list[Call]:
    """The requests for a path."""
    return [call for call in at.endpoint.calls if call.url.startswith(path)]


async def test_a_token_is_fetched_once_and_used_for_every_record(at: Stage) -> None:
    await with_oauth(at, Authorizer())

    for number in range(5):
        await at.put(f"City {number}", MaxTemp=number)

    assert (await at.settled(5))["delivered"] == 5
    (fetch,) = requests(at, "/token")
    assert parse_qs(fetch.body) == {
        "grant_type": ["client_credentials"],
        "client_id": ["me"],
        "client_secret": [SECRET],
        "scope": ["write"],
    }
    assert fetch.headers["X-Tenant"] == "weather"
    logged = json.dumps(await at.log_records("ExecutionSucceeded"))
    assert SECRET not in logged
    assert "token-1" not in logged


async def test_a_token_that_the_endpoint_refuses_is_fetched_anew_within_the_attempt(at: Stage) -> None:
    authorizer = Authorizer()
    await with_oauth(at, authorizer)
    await at.put("one", MaxTemp=1)
    await at.settled(1)

    authorizer.given += 1
    await at.put("two", MaxTemp=2)

    status = await at.settled(2)
    assert (status["delivered"], status["failed_attempts"]) == (2, 0)
    assert len(requests(at, "/token")) == 2


async def test_a_token_that_is_refused_again_and_again_fails_the_attempt(at: Stage) -> None:
    authorizer = Authorizer()
    await with_oauth(at, authorizer)
    give = authorizer.answer
    at.endpoint.answer = lambda call: (
        give(call) if call.url == "/token" else web.Response(status=401, text=call.headers["Authorization"])
    )

    await at.put("one", MaxTemp=1)

    assert (await at.settled(1))["dead_lettered"] == 1
    assert len(requests(at, "/in")) == 2
    records = await at.log_records("ExecutionFailed")
    assert "token-" not in json.dumps(records)


async def test_an_expired_token_is_not_used(at: Stage) -> None:
    await with_oauth(at, Authorizer(lifetime_s=1), method="GET")
    for number in range(2):
        await at.put(f"City {number}", MaxTemp=number)
        await at.settled(number + 1)
    assert len(requests(at, "/token?")) == 2


async def test_an_authorization_endpoint_that_refuses_is_a_failed_attempt_that_shows_no_secret(at: Stage) -> None:
    authorizer = Authorizer()
    authorizer.token_status = 403
    await with_oauth(at, authorizer)

    await at.put("one", MaxTemp=1)

    assert (await at.settled(1))["dead_lettered"] == 1
    failed = (await at.log_records("ExecutionFailed"))[-1]
    assert failed["error"]["exceptionType"] == "AuthorizationFailed"
    assert failed["error"]["httpStatusCode"] == 403
    assert SECRET not in json.dumps(failed)


async def test_more_than_the_rate_limit_allows_waits_and_is_delivered(at: Stage) -> None:
    at.destination_arn = await at.destination("slow", "PUT", "/in", rate=10)
    await at.create_pipe()
    began_s = time.monotonic()

    for number in range(25):
        await at.put(f"City {number}", MaxTemp=number)

    assert (await at.settled(25))["delivered"] == 25
    assert time.monotonic() - began_s > 1.4


async def test_the_rate_limit_is_shared_by_all_pipes_on_a_destination(at: Stage) -> None:
    at.destination_arn = await at.destination("slow", "PUT", "/in", rate=10)
    await at.create_pipe()
    other: dict[str, Any] = {**at.settings(), "Name": f"other-{at.id}"}
    await at.pipes("create_pipe", **other)
    await at.await_state("RUNNING", other["Name"])
    began_s = time.monotonic()

    for number in range(12):
        await at.put(f"City {number}", MaxTemp=number)

    await at.settled(12)
    await at.settled(12, other["Name"])
    assert time.monotonic() - began_s > 1.3


async def test_retry_after_is_the_least_pause_before_the_next_attempt(at: Stage) -> None:
    answers = iter([web.Response(status=429, headers={"Retry-After": "1"})])
    arrived_s: list[float] = []

    def answer(call: Call) -> web.Response:
        arrived_s.append(time.monotonic())
        return next(answers, None) or web.Response(status=204)

    at.endpoint.answer = answer
    await at.create_pipe(MaximumRetryAttempts=1)

    await at.put("one", MaxTemp=1)

    assert (await at.settled(1))["delivered"] == 1
    assert arrived_s[1] - arrived_s[0] > 0.95


async def test_connection_failures_can_be_read_as_errors_of_the_customer() -> None:
    async with stage(connection_failures=ConnectionFailures.CUSTOMER) as at:
        await at.create_pipe(MaximumRetryAttempts=1)
        await at.endpoint.down()

        await at.put("one", MaxTemp=1)

        status = await at.settled(1)
        assert (status["dead_lettered"], status["failed_attempts"], status["internal_errors"]) == (1, 2, 0)
        failed = (await at.log_records("ExecutionFailed"))[-1]
    assert failed["error"]["exceptionType"] == "EndpointUnreachable"


async def test_pipes_that_need_a_token_at_once_wait_for_one_fetch(at: Stage) -> None:
    await with_oauth(at, Authorizer())
    other = {**at.settings(), "Name": f"other-{at.id}"}
    await at.pipes("create_pipe", **other)
    await at.await_state("RUNNING", other["Name"])
    at.endpoint.delay_s = 0.05

    await at.put("one", MaxTemp=1)

    await until(lambda: len(requests(at, "/in")) == 2, "both requests")
    await asyncio.sleep(0.1)
    assert len(requests(at, "/token")) == 1
