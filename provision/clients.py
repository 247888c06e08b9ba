"""The boto3 clients that provisioning needs, made once from one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_pipes import EventBridgePipesClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Clients:
    """One client per service, all of one account and region."""

    region: str
    dynamodb: DynamoDBClient
    sqs: SQSClient
    logs: CloudWatchLogsClient
    secrets: SecretsManagerClient
    events: EventBridgeClient
    iam: IAMClient
    pipes: EventBridgePipesClient


def clients(session: boto3.Session, endpoint_url: str | None = None) -> Clients:
    """Clients of the session's region; `endpoint_url` is the sandbox's, or None for AWS."""
    return Clients(
        region=session.region_name,
        dynamodb=session.client("dynamodb", endpoint_url=endpoint_url),
        sqs=session.client("sqs", endpoint_url=endpoint_url),
        logs=session.client("logs", endpoint_url=endpoint_url),
        secrets=session.client("secretsmanager", endpoint_url=endpoint_url),
        events=session.client("events", endpoint_url=endpoint_url),
        iam=session.client("iam", endpoint_url=endpoint_url),
        pipes=session.client("pipes", endpoint_url=endpoint_url),
    )
