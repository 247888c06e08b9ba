"""The one place that makes boto3 clients, and turns what botocore raises into the dashboard's own errors."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.exceptions import ClientError, ProfileNotFound

from core import answers, failures, key_text
from core.api_calls import ApiCalls
from core.config import AwsAccess, shown
from core.errors import (
    DashboardError,
    NotAuthorized,
    NotConfigured,
    NotFound,
    ServiceFailed,
    Throttled,
    Unreachable,
)
from core.failures import Kind
from core.redaction import remember

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

_FAILED: dict[Kind, type[DashboardError]] = {
    Kind.UNREACHABLE: Unreachable,
    Kind.CREDENTIALS: NotAuthorized,
    Kind.SETTINGS: NotConfigured,
    Kind.ANSWER: ServiceFailed,
    Kind.CALL: ServiceFailed,
}

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
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


_PROFILE: dict[str, tuple[Any, Any, Any, Any]] = {"profile": (None, None, None, None)}
#: The sandbox needs nothing of `~/.aws`, and a fault in there is none of its business.
_THE_CALLERS = {
    **_PROFILE,
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True)
class Patient:
    """The clients that wait for longer: for writes, and for reads that take long."""

    dynamodb: DynamoDBClient
    sqs: SQSClient
    logs: CloudWatchLogsClient
    pipes: EventBridgePipesClient


class Aws:
    """The clients of one account and region. boto3 clients are safe to share between threads.

    Raises a DashboardError where the credential chain or the AWS configuration fails.
    """

    def __init__(self, access: AwsAccess) -> None:
        with translated("Connecting to AWS"):
            self._connect(access)

    def _connect(self, access: AwsAccess) -> None:
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
    """A session that uses exactly what `access` says; with keys given, no profile of the caller's shell counts.

    Raises what boto3 raises: see `translated`.
    """
    remember(access.access_key_id, access.secret_access_key, access.session_token)
    if access.access_key_id:
        # A profile named in the environment must exist even when it is not used; this keeps it out.
        plain = botocore.session.Session(session_vars=_THE_CALLERS if access.endpoint_url else _PROFILE)
        made = boto3.Session(
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            aws_session_token=access.session_token or None,
            region_name=access.region,
            botocore_session=plain,
        )
    else:
        made = boto3.Session(profile_name=access.profile or None, region_name=access.region)
    made.events.register("before-send", _remember_token)
    made.events.register("before-parse", _refuse_web_page)
    return made


def _remember_token(request: Any, **_: Any) -> None:
    """Whatever the credential chain renews: an endpoint may quote the token that it was sent."""
    token = request.headers.get("X-Amz-Security-Token", "")
    remember(token.decode("latin-1") if isinstance(token, bytes) else token)


def _refuse_web_page(response_dict: Any, **_: Any) -> None:
    """botocore takes HTML with status 200 for JSON without members: a queue with 360 messages would be empty."""
    if response_dict["headers"].get("content-type", "").lower().startswith("text/html"):
        raise failures.NotAnAnswer(said="a web page came back, and no answer of AWS's")


def default_chain(profile: str) -> tuple[bool, str]:
    """Whether boto3's chain has credentials for a profile ("" is the default), and its region or "".

    Credentials that cannot be got at the moment count: a credential process may be well again in a minute. Raises
    NotConfigured for a profile that does not exist, for files that cannot be read, and for keys that are none.
    """
    region = ""
    try:
        with translated("Reading the AWS configuration"):
            session = _session_of(profile)
            region = session.region_name or ""
            found = session.get_credentials()
            # Those that are got when they are first needed would cost a call here.
            if isinstance(found, Credentials) and not isinstance(found, DeferredRefreshableCredentials):
                _check(found)
    except (NotAuthorized, Unreachable):
        return True, region
    except DashboardError as error:
        raise NotConfigured(error.what, error.advice) from None
    return found is not None, region


def _session_of(profile: str) -> boto3.Session:
    try:
        return boto3.Session(profile_name=profile or None)
    except ProfileNotFound:
        named = f"AWS_PROFILE is {shown(profile)}, and " if profile else "AWS_PROFILE or AWS_DEFAULT_PROFILE is wrong: "
        advice = "Correct it, or set the two AWS keys."
        raise NotConfigured(f"{named}~/.aws has no profile of that name.", advice) from None


def _check(found: Credentials) -> None:
    texts = {
        "AWS_ACCESS_KEY_ID": found.access_key or "",
        "AWS_SECRET_ACCESS_KEY": found.secret_key or "",
        "AWS_SESSION_TOKEN": found.token or "",
    }
    remember(*texts.values())
    for name, text in texts.items():
        if fault := key_text.fault(text):
            raise NotConfigured(
                f"The {name} of the AWS configuration ({found.method}) has {fault} in it.",
                "Correct it where it comes from: ~/.aws, or the program that a profile names.",
            )


@contextmanager
def translated(tried: str) -> Iterator[None]:
    """Runs AWS calls; what they raise becomes a DashboardError that begins with what was tried.

    No text of botocore's own is in it (`core.failures`). What is no fault of a call is raised as it is.
    """
    try:
        yield
    except DashboardError:
        raise
    except ClientError as error:
        raise _from_answer(tried, error) from error
    except Exception as error:
        failure = failures.of(error) or _unlike_an_answer(error)
        if failure is None:
            raise
        # Not `from error`: a log would print its text.
        raise _FAILED[failure.kind](f"{tried} failed: {failure.said}.", failure.advice) from None


def _unlike_an_answer(error: Exception) -> failures.Failure | None:
    """For what the code at the call stumbles over when an answer lacks what AWS always sends."""
    if not isinstance(error, LookupError | TypeError | ValueError | AttributeError):
        return None
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    return failures.Failure(Kind.ANSWER, f"the answer lacks what AWS always sends ({place})", failures.BETWEEN)


def _from_answer(tried: str, error: ClientError) -> DashboardError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    what = f"{tried} failed: {failures.answer(error)}"
    if code in _REFUSED:
        return NotAuthorized(
            what,
            "Sign in again or correct the AWS keys; check this machine's clock, and that the account has the region.",
        )
    if code in _DENIED:
        return NotAuthorized(what, "Let the policy of these credentials allow it: `python -m provision policy reader`.")
    if code in _MISSING:
        return NotFound(what, "Create the stack with `python -m provision up`, and check the region.")
    if code in _THROTTLED:
        return Throttled(what, "AWS asks for fewer calls; try again in a moment.")
    return ServiceFailed(what)
