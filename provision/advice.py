"""What to do next after each error of AWS, in one table. A test holds it against the API models."""

from __future__ import annotations

from botocore.exceptions import ClientError

from core import failures
from core.redaction import redacted
from provision.errors import ProvisionFailed, error_code

_RIGHTS = "Give these credentials the right that is named; `python -m provision policy` prints all that are needed."
_CREDENTIALS = "Sign in again, or correct the AWS keys and the clock of this machine."
_SLOWER = "AWS asked for fewer calls for longer than this waits. Run it again in a minute: it goes on from here."
_AGAIN = "AWS failed by itself. Run this again: it goes on from here."
_BUSY = "Another change of the same resource is under way. Wait a moment and run this again."
_GONE = "Somebody removed it meanwhile. Run this again: it is created anew."
_TAKEN = "The name is taken, and nothing of this stack has it. Choose another --prefix, or delete what has the name."
_QUOTA = "A quota of the account is used up. Remove what is not needed, or ask for more in AWS Service Quotas."
_REFUSED = (
    "AWS refuses a value of the stack. Correct the option that it names; if there is none, report this as a defect."
)
_KMS = "The KMS key of the secret cannot be used. Enable it, or allow these credentials to use it."
_ATTACHED = "Somebody attached something to it that is not the stack's. Detach that, and run this again."
_TAGS = "The resource has as many tags as AWS allows. Remove some that are not needed."

_CODES: dict[str, tuple[str, ...]] = {
    _RIGHTS: (
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "InvalidSecurity",
        "OptInRequired",
        "TagPolicy",
        "UnauthorizedOperation",
    ),
    _CREDENTIALS: (
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ),
    _SLOWER: (
        "OverLimit",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ),
    _AGAIN: (
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ServiceFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    ),
    _BUSY: (
        "ConcurrentAccess",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ConflictException",
        "ContinuousBackupsUnavailableException",
        "InvalidState",
        "OperationAbortedException",
        "PreconditionNotMetException",
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "ResourceConflict",
        "ResourceInUseException",
        "StaleTag",
    ),
    _GONE: (
        "AWS.SimpleQueueService.NonExistentQueue",
        "DashboardNotFoundError",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "TableNotFoundException",
    ),
    _TAKEN: (
        "EntityAlreadyExists",
        "QueueAlreadyExists",
        "QueueNameExists",
        "ResourceAlreadyExistsException",
        "ResourceExistsException",
    ),
    _QUOTA: (
        "FilterPolicyLimitExceeded",
        "LimitExceeded",
        "LimitExceededException",
        "ReplayLimitExceeded",
        "ServiceQuotaExceededException",
        "SubscriptionLimitExceeded",
        "TopicLimitExceeded",
    ),
    _TAGS: ("TagLimitExceeded", "TooManyTagsException"),
    _REFUSED: (
        "InvalidAddress",
        "InvalidAttributeName",
        "InvalidAttributeValue",
        "InvalidInput",
        "InvalidNextToken",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterInput",
        "InvalidParameterValue",
        "InvalidRequestException",
        "MalformedPolicyDocument",
        "MalformedPolicyDocumentException",
        "UnmodifiableEntity",
        "UnsupportedOperation",
        "ValidationError",
        "ValidationException",
    ),
    _ATTACHED: ("DeleteConflict",),
    _KMS: ("DecryptionFailure", "EncryptionFailure"),
}
_ADVICE = {code: advice for advice, codes in _CODES.items() for code in codes}


def advice_for(code: str) -> str:
    """What to do after an error with this code, or "" for one that is not known."""
    return _ADVICE.get(code, "")


def is_told(error: Exception) -> bool:
    """Whether `explain` has a sentence for it: it is no fault of this program."""
    return isinstance(error, ProvisionFailed | ClientError) or failures.of(error) is not None


def explain(error: BaseException) -> str:
    """What happened and what to do next, in one line, without any text of botocore's own and without secrets."""
    if isinstance(error, ClientError):
        said = f"{error.operation_name}: {failures.answer(error)}".rstrip(".")
        return f"{said}. {advice_for(error_code(error))}".strip()
    failure = failures.of(error)
    if failure is not None:
        return f"{failure.said[0].upper()}{failure.said[1:]}. {failure.advice}".strip()
    return redacted(str(error)) or type(error).__name__
