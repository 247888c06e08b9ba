"""API destinations and their connections, looked up once and kept until something changes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.target.oauth import ClientCredentials
from sandbox.pipes.target.rate_limit import DEFAULT_PER_SECOND


class DestinationUnusable(Exception):
    """Raised when a destination or its connection is missing, or its kind of authorization is not run here."""


@dataclass(frozen=True)
class Destination:
    """Where to send and how to prove who is sending. `headers` and what follows come from the connection.

    They may be secret: they stay out of repr and out of the logs. `credentials` are those of an OAuth connection.
    """

    arn: str
    method: str
    endpoint: str
    connection_arn: str
    rate_limit: int
    headers: Mapping[str, str] = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    query_names: frozenset[str]
    body: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    credentials: ClientCredentials | None


class Destinations:
    """A cache in front of DescribeApiDestination and DescribeConnection."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._known: dict[str, Destination] = {}
        self._changes = 0

    def forget(self) -> None:
        """Drop everything: a connection or an API destination was changed."""
        self._changes += 1
        self._known.clear()

    async def get(self, arn: str) -> Destination:
        """The destination behind an ARN. Raises DestinationUnusable, or AwsCallFailed when AWS itself fails."""
        known = self._known.get(arn)
        if known is not None:
            return known
        changes = self._changes
        destination = await self._look_up(arn)
        # What was read before a change must not be remembered after it.
        if changes == self._changes:
            self._known[arn] = destination
        return destination

    async def describe(self, arn: str) -> dict[str, Any]:
        """The API destination itself, whether or not its connection can be used. Raises as `get` does."""
        return await self._describe("events.DescribeApiDestination", arn, "API destination")

    async def _look_up(self, arn: str) -> Destination:
        found = await self.describe(arn)
        connection = await self._describe("events.DescribeConnection", found["ConnectionArn"], "Connection")
        parameters = connection.get("AuthParameters") or {}
        added = parameters.get("InvocationHttpParameters") or {}
        headers, secrets = _authorization(connection.get("AuthorizationType", ""), parameters)
        headers.update(_pairs(added.get("HeaderParameters")))
        query = tuple(
            (quote(name, safe=""), quote(value, safe=""))
            for name, value in _pairs(added.get("QueryStringParameters")).items()
        )
        return Destination(
            arn=arn,
            method=found["HttpMethod"],
            endpoint=found["InvocationEndpoint"],
            headers=headers,
            connection_arn=found["ConnectionArn"],
            rate_limit=int(found.get("InvocationRateLimitPerSecond") or DEFAULT_PER_SECOND),
            query=query,
            body=_pairs(added.get("BodyParameters")),
            query_names=frozenset(name for name, _ in query),
            credentials=_client_credentials(parameters),
            secrets=tuple(secret for secret in (*secrets, *_secret_values(added)) if secret),
        )

    async def _describe(self, operation: str, arn: str, kind: str) -> dict[str, Any]:
        parsed = parse_arn(arn)
        try:
            return await self._aws.call(operation, {"Name": parsed.resource.split("/")[1]}, region=parsed.region)
        except AwsCallFailed as error:
            if error.code == "ResourceNotFoundException":
                raise DestinationUnusable(f"{kind} {arn} does not exist.") from error
            raise


def _authorization(kind: str, parameters: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Headers of the connection's authorization, and the secret texts in them."""
    if kind == "API_KEY":
        key = parameters["ApiKeyAuthParameters"]
        return {key["ApiKeyName"]: key["ApiKeyValue"]}, (key["ApiKeyValue"],)
    if kind == "BASIC":
        basic = parameters["BasicAuthParameters"]
        token = base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
        return {"Authorization": f"Basic {token}"}, (token, basic["Password"])
    if kind == "OAUTH_CLIENT_CREDENTIALS":
        oauth = parameters["OAuthParameters"]
        extra = _secret_values(oauth.get("OAuthHttpParameters") or {})
        return {}, (oauth["ClientParameters"]["ClientSecret"], *extra)
    raise DestinationUnusable(f"Authorization type {kind} is not run by the sandbox.")


def _client_credentials(parameters: Mapping[str, Any]) -> ClientCredentials | None:
    oauth = parameters.get("OAuthParameters")
    if not oauth:
        return None
    added = oauth.get("OAuthHttpParameters") or {}
    return ClientCredentials(
        endpoint=oauth["AuthorizationEndpoint"],
        method=oauth["HttpMethod"],
        client_id=oauth["ClientParameters"]["ClientID"],
        client_secret=oauth["ClientParameters"]["ClientSecret"],
        headers=_pairs(added.get("HeaderParameters")),
        query=_pairs(added.get("QueryStringParameters")),
        body=_pairs(added.get("BodyParameters")),
    )


def _pairs(parameters: list[Mapping[str, Any]] | None) -> dict[str, str]:
    return {each["Key"]: each.get("Value", "") for each in parameters or ()}


def _secret_values(added: Mapping[str, Any]) -> list[str]:
    return [
        each["Value"]
        for parameters in added.values()
        for each in parameters or ()
        if each.get("IsValueSecret") and each.get("Value")
    ]
