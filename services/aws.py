"""The one place that makes boto3 clients, and turns what botocore raises into the dashboard's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

from services import answers
from services.api_calls import ApiCalls
from services.config import AwsAccess
from services.errors import (
    DashboardError,
    NotAuthorized,
    NotConfigured,
    NotFound,
    ServiceFailed,
    Throttled,
    Unreachable,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_pipes import EventBridgePipesClient
    from mypy_boto3_sqs import SQSClient


def _config(connect_s: float, read_s: float) -> BotoConfig:
    return BotoConfig(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=20,
    )


#: For what pages and loops read again and again: an answer that does not come soon is better asked for anew.
QUICK = _config(1, 3)
#: For writes, whose answer says whether they were made, and for reads that take long: logs, scans, long polls.
PATIENT = _config(3, 10)

#: What the credential chain raises. None is quoted: a credential process may print anything.
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
)

_REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchEntity",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@dataclass(frozen=True)
class Patient:
    """The clients that wait for longer: for writes, and for reads that take long."""

    dynamodb: DynamoDBClient
    sqs: SQSClient
    logs: CloudWatchLogsClient
    pipes: EventBridgePipesClient


class Aws:
    """The clients of one account and region. boto3 clients are safe to share between threads."""

    def __init__(self, access: AwsAccess) -> None:
        #: Clients that are made of it are counted, too.
        self.session = made = session(access)
        self.calls = ApiCalls()
        self.calls.watch(made.events)
        answers.watch(made.events)
        #: The sandbox's, or None for AWS's own endpoints.
        self.endpoint_url = endpoint = access.endpoint_url or None
        self.region = access.region
        self.dynamodb: DynamoDBClient = made.client("dynamodb", endpoint_url=endpoint, config=QUICK)
        self.streams: DynamoDBStreamsClient = made.client("dynamodbstreams", endpoint_url=endpoint, config=QUICK)
        self.sqs: SQSClient = made.client("sqs", endpoint_url=endpoint, config=QUICK)
        self.logs: CloudWatchLogsClient = made.client("logs", endpoint_url=endpoint, config=QUICK)
        self.pipes: EventBridgePipesClient = made.client("pipes", endpoint_url=endpoint, config=QUICK)
        # Without type stubs: one call is made of it.
        self.events: EventBridgeClient = made.client("events", endpoint_url=endpoint, config=QUICK)
        self.iam: IAMClient = made.client("iam", endpoint_url=endpoint, config=QUICK)
        self.cloudwatch: Any = made.client("cloudwatch", endpoint_url=endpoint, config=QUICK)
        self.patient = Patient(
            made.client("dynamodb", endpoint_url=endpoint, config=PATIENT),
            made.client("sqs", endpoint_url=endpoint, config=PATIENT),
            made.client("logs", endpoint_url=endpoint, config=PATIENT),
            made.client("pipes", endpoint_url=endpoint, config=PATIENT),
        )
        self.endpoint = self.dynamodb.meta.endpoint_url

    def close(self) -> None:
        """Closes the connection pools."""
        for client in self._clients():
            client.close()

    def _clients(self) -> tuple[Any, ...]:
        return (
            self.dynamodb,
            self.streams,
            self.sqs,
            self.logs,
            self.pipes,
            self.events,
            self.iam,
            self.cloudwatch,
            self.patient.dynamodb,
            self.patient.sqs,
            self.patient.logs,
            self.patient.pipes,
        )


def session(access: AwsAccess) -> boto3.Session:
    """A session that uses exactly what `access` says; with keys given, no profile of the caller's shell counts."""
    if access.access_key_id:
        # A profile named in the environment must exist even when it is not used; this keeps it out.
        plain = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        return boto3.Session(
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            aws_session_token=access.session_token or None,
            region_name=access.region,
            botocore_session=plain,
        )
    return boto3.Session(profile_name=access.profile or None, region_name=access.region)


def default_chain(profile: str) -> tuple[bool, str]:
    """Whether boto3's chain finds credentials for a profile ("" is the default), and its region or "".

    Raises NotConfigured for a profile that does not exist.
    """
    try:
        session = boto3.Session(profile_name=profile or None)
        return session.get_credentials() is not None, session.region_name or ""
    except ProfileNotFound as error:
        raise NotConfigured(f"{error}.", "Correct AWS_PROFILE, or set the two AWS keys.") from error
    except BotoCoreError as error:
        raise NotConfigured(f"The AWS configuration cannot be read: {error}.", "Correct ~/.aws.") from error


@contextmanager
def translated(tried: str) -> Iterator[None]:
    """Runs AWS calls; what they raise becomes a DashboardError that begins with what was tried."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(tried, error) from error
    except (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ConnectionClosedError) as error:
        endpoint = str(error.kwargs.get("endpoint_url", "AWS"))
        raise Unreachable(
            f"{tried} failed: nothing answers at {endpoint}.", "Check that it is up, and the network."
        ) from error
    except _NO_CREDENTIALS as error:
        raise NotAuthorized(
            f"{tried} failed: there are no usable AWS credentials.", "Sign in again or set the keys."
        ) from error
    except BotoCoreError as error:
        raise ServiceFailed(f"{tried} failed: {error}.") from error


def _from_answer(tried: str, error: ClientError) -> DashboardError:
    detail = error.response.get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    what = f"{tried} failed: {code}: {message}"
    if code in _REFUSED:
        return NotAuthorized(what, "Check the credentials, and what their policy allows.")
    if code in _MISSING:
        return NotFound(what, "Create the stack with `python -m provision up`, and check the region.")
    if code in _THROTTLED:
        return Throttled(what, "AWS asks for fewer calls; try again in a moment.")
    return ServiceFailed(what)
