"""The clients that provisioning needs: boto3's, made from one session, and what it asks of Momento."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_pipes import EventBridgePipesClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

#: Throttling and hiccups are retried with growing pauses: a control plane takes 50 calls/s of a whole account.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 8},
    max_pool_connections=20,
)


class Caches(Protocol):
    """What is asked of Momento."""

    def list_caches(self) -> tuple[str, ...]:
        """The names of all caches of the account."""
        ...

    def create_cache(self, cache: str) -> object:
        """Creates a cache; one that is there already is fine."""
        ...


class Clients:
    """One client per service, all of one account and region; `endpoint_url` is the sandbox's, or None for AWS.

    `config` says how long they wait and how often they try.
    """

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None, config: Config = CONFIG) -> None:
        self.region: str = session.region_name
        self._session = session
        self._endpoint_url = endpoint_url
        self._config = config
        self._lock = threading.Lock()
        self._cloudwatch: Any = None
        self._sns: Any = None
        self._sts: STSClient | None = None
        self.dynamodb: DynamoDBClient = session.client("dynamodb", endpoint_url=endpoint_url, config=config)
        self.sqs: SQSClient = session.client("sqs", endpoint_url=endpoint_url, config=config)
        self.logs: CloudWatchLogsClient = session.client("logs", endpoint_url=endpoint_url, config=config)
        self.secrets: SecretsManagerClient = session.client("secretsmanager", endpoint_url=endpoint_url, config=config)
        self.events: EventBridgeClient = session.client("events", endpoint_url=endpoint_url, config=config)
        self.iam: IAMClient = session.client("iam", endpoint_url=endpoint_url, config=config)
        self.pipes: EventBridgePipesClient = session.client("pipes", endpoint_url=endpoint_url, config=config)

    # Made when first asked for: the original stack needs none of these, and the sandbox is to start at once.

    @property
    def cloudwatch(self) -> Any:
        """CloudWatch, for alarms and the dashboard."""
        with self._lock:
            if self._cloudwatch is None:
                self._cloudwatch = self._session.client(
                    "cloudwatch", endpoint_url=self._endpoint_url, config=self._config
                )
            return self._cloudwatch

    @property
    def sns(self) -> Any:
        """SNS, for the topic that alarms are sent to."""
        with self._lock:
            if self._sns is None:
                self._sns = self._session.client("sns", endpoint_url=self._endpoint_url, config=self._config)
            return self._sns

    @property
    def sts(self) -> STSClient:
        """STS, which says whose credentials these are."""
        with self._lock:
            if self._sts is None:
                self._sts = self._session.client("sts", endpoint_url=self._endpoint_url, config=self._config)
            return self._sts

    def close(self) -> None:
        """Closes the connection pools."""
        with self._lock:
            optional = [client for client in (self._cloudwatch, self._sns, self._sts) if client is not None]
        always = (self.dynamodb, self.sqs, self.logs, self.secrets, self.events, self.iam, self.pipes)
        for client in (*always, *optional):
            client.close()
