"""What AWS's errors mean for provisioning: which say "not there", "there already" and "not yet"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

#: What the services answer when a resource is not there.
_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "DashboardNotFoundError",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "TableNotFoundException",
    }
)
#: What they answer to the creation of one that is: it came into being after it was looked for.
_EXISTS = frozenset(
    {
        "ConflictException",
        "EntityAlreadyExists",
        "ResourceAlreadyExistsException",
        "ResourceExistsException",
        "ResourceInUseException",
    }
)
#: What passes by itself: another change is under way, or the name was freed a moment ago.
_PASSING = frozenset(
    {
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ContinuousBackupsUnavailableException",
        "OperationAbortedException",
        "QueueDeletedRecently",
        "ServiceUnavailableException",
    }
)
#: What they answer to a change of one that is there while another change of it is under way.
_BUSY = frozenset({"ConcurrentAccess", "ConflictException", "ResourceConflict", "ResourceInUseException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})


class ProvisionFailed(Exception):
    """Raised when a resource cannot be brought into its declared state; says which, why, and what to do next."""


class NotYet(ProvisionFailed):
    """Raised when AWS refuses what it will take in a moment, as when a new role is not known everywhere."""


class Interrupted(ProvisionFailed):
    """Raised where a wait was given up because a person pressed Ctrl-C."""


def error_code(error: ClientError) -> str:
    """AWS's own code of an error, like `ResourceInUseException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """AWS's own words."""
    return str(error.response.get("Error", {}).get("Message", ""))


def is_missing(error: ClientError) -> bool:
    """Whether AWS says that the resource is not there."""
    return error_code(error) in _MISSING


def is_there_already(error: ClientError) -> bool:
    """Whether AWS says of something to be created that it exists."""
    return error_code(error) in _EXISTS


def passes(error: ClientError) -> bool:
    """Whether the same call may be taken in a moment."""
    return error_code(error) in _PASSING


def is_busy(error: ClientError) -> bool:
    """Whether the same change or deletion of what is there may be taken in a moment."""
    return passes(error) or error_code(error) in _BUSY


def is_denied(error: ClientError) -> bool:
    """Whether these credentials may not do it."""
    return error_code(error) in _DENIED


@contextmanager
def missing_is_fine() -> Iterator[None]:
    """Deletes or looks up; what is not there is passed over."""
    try:
        yield
    except ClientError as error:
        if not is_missing(error):
            raise
