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
        self._made: dict[str, Any] = {}
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
        return self._once("cloudwatch")

    @property
    def sns(self) -> Any:
        """SNS, for the topic that alarms are sent to."""
        return self._once("sns")

    @property
    def sts(self) -> STSClient:
        """STS, which says whose credentials these are."""
        client: STSClient = self._once("sts")
        return client

    @property
    def quotas(self) -> Any:
        """Service Quotas, for the doctor."""
        return self._once("service-quotas")

    def _once(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                # Its type is one of many, by the service's name.
                make: Any = self._session.client
                self._made[service] = make(service, endpoint_url=self._endpoint_url, config=self._config)
            return self._made[service]

    def close(self) -> None:
        """Closes the connection pools."""
        always = (self.dynamodb, self.sqs, self.logs, self.secrets, self.events, self.iam, self.pipes)
        with self._lock:
            for client in (*always, *self._made.values()):
                client.close()
