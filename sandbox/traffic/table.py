"""The weather table of the sandbox, and of nothing but the sandbox: real observations never reach a real account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core import names
from core.names import TABLE_KEY
from provision.advice import explain
from sandbox import state as sandbox_state
from sandbox.lock import is_held
from sandbox.state import SandboxState
from sandbox.traffic.observation import Observation
from sandbox.traffic.replay import WriteFailed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class NoSandbox(Exception):
    """Raised when there is no sandbox to write to, or the target is anything else; says what to do."""


def running_sandbox(environment: Mapping[str, str] = os.environ) -> SandboxState:
    """The state of the sandbox that is up. Raises NoSandbox, also when TARGET asks for anything but the sandbox."""
    target = environment.get("TARGET") or "sandbox"
    if target != "sandbox":
        raise NoSandbox(f"TARGET is {target!r}. Traffic is replayed into the sandbox only.")
    try:
        state = sandbox_state.read() if is_held(sandbox_state.directory()) else None
    except OSError as error:
        raise NoSandbox(f"Whether a sandbox runs cannot be told: {sandbox_state.trouble(error)}") from error
    if state is None:
        raise NoSandbox(f"No sandbox runs in {sandbox_state.directory()}. Start one with: python -m sandbox")
    if not state.ready:
        raise NoSandbox("The sandbox is not ready yet. Wait for it, or look at what `python -m sandbox` prints.")
    if urlsplit(state.aws_endpoint).hostname not in names.LOOPBACK:
        raise NoSandbox(f"{state.aws_endpoint} is not on this machine. Traffic is replayed into the sandbox only.")
    return state


def table_client(state: SandboxState) -> DynamoDBClient:
    """A DynamoDB client of that sandbox, which ignores the caller's proxies; its calls end within about 10 s."""
    session = boto3.Session(
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=state.region,
    )
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}, proxies={})
    return session.client("dynamodb", endpoint_url=state.aws_endpoint, config=config)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class WeatherTable:
    """Writes observations as records of the weather table. `ttl` is the lifetime of the cache item, in s."""

    def __init__(self, client: DynamoDBClient, ttl: int) -> None:
        self._client = client
        self._ttl = {"N": str(ttl)}

    def put(self, observation: Observation) -> None:
        """Write one record. Raises WriteFailed."""
        try:
            self._client.put_item(
                TableName=names.TABLE,
                Item={
                    TABLE_KEY: {"S": observation.location},
                    "MaxTemp": {"N": _number(observation.high)},
                    "MinTemp": {"N": _number(observation.low)},
                    "ChancesOfPrecipitation": {"N": _number(observation.precipitation)},
                    "TTL": self._ttl,
                },
            )
        except (BotoCoreError, ClientError) as error:
            raise WriteFailed(explain(error)) from None

    def delete(self, location: str) -> None:
        """Delete one record, if it is there. Raises WriteFailed."""
        try:
            self._client.delete_item(TableName=names.TABLE, Key={TABLE_KEY: {"S": location}})
        except (BotoCoreError, ClientError) as error:
            raise WriteFailed(explain(error)) from None
