"""What the sandbox's Momento answers when it refuses: one class per reason, for both wires.

    MomentoError
    ├── InvalidArgument     INVALID_ARGUMENT      400
    ├── NotAuthenticated    UNAUTHENTICATED       401
    ├── NotFound            NOT_FOUND             404
    │   ├── CacheNotFound   with `err` = store_not_found
    │   └── KeyNotFound     HTTP only: over gRPC a miss is a result
    ├── AlreadyExists       ALREADY_EXISTS        409
    ├── WrongType           FAILED_PRECONDITION   400
    ├── TooLarge            RESOURCE_EXHAUSTED    429, with `err` naming the limit
    ├── TooMany             RESOURCE_EXHAUSTED    429, with `err` where the SDKs know the limit
    └── NotImplementedHere  UNIMPLEMENTED         501

The gRPC statuses, the `err` values and the text "Cache not found" are those that the official SDKs map
(facts/momento.md sections 3 and 7). Assumed, since no public material tells: that the HTTP API answers an
oversized item or message with 429, as gRPC's RESOURCE_EXHAUSTED maps to 429 everywhere else.
"""

from __future__ import annotations

import grpc


class MomentoError(Exception):
    """Base of all of them. `details` is the text for the caller, `err` the trailing metadata that refines it."""

    grpc_status = grpc.StatusCode.INTERNAL
    http_status = 500
    err = ""

    def __init__(self, details: str) -> None:
        super().__init__(details)
        self.details = details


class InvalidArgument(MomentoError):
    """Raised when a name, key, time to live or parameter is missing or not allowed."""

    grpc_status = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 400


class NotAuthenticated(MomentoError):
    """Raised when no key was given, or one that this sandbox did not mint or has revoked."""

    grpc_status = grpc.StatusCode.UNAUTHENTICATED
    http_status = 401


class NotFound(MomentoError):
    """Raised when nothing is where the caller looks."""

    grpc_status = grpc.StatusCode.NOT_FOUND
    http_status = 404


class CacheNotFound(NotFound):
    """Raised when the cache does not exist, or is deleted under an open subscription."""

    err = "store_not_found"

    def __init__(self) -> None:
        super().__init__("Cache not found")


class KeyNotFound(NotFound):
    """Raised when the cache holds nothing at the key (HTTP only)."""

    err = "item_not_found"

    def __init__(self) -> None:
        super().__init__("Key not found")


class AlreadyExists(MomentoError):
    """Raised when a cache of that name exists already."""

    grpc_status = grpc.StatusCode.ALREADY_EXISTS
    http_status = 409


class WrongType(MomentoError):
    """Raised when the operation does not fit the stored value, as an increment of something not a number."""

    grpc_status = grpc.StatusCode.FAILED_PRECONDITION
    http_status = 400


class TooLarge(MomentoError):
    """Raised when an item or a message is over its limit; `err` names which."""

    grpc_status = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429

    def __init__(self, details: str, err: str) -> None:
        super().__init__(details)
        self.err = err


class TooMany(MomentoError):
    """Raised when the sandbox has no more room for an item, a topic, a cache or a subscription."""

    grpc_status = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429

    def __init__(self, details: str, err: str = "") -> None:
        super().__init__(details)
        self.err = err


class NotImplementedHere(MomentoError):
    """Raised when a method of the protocol is one that the sandbox does not have; names it."""

    grpc_status = grpc.StatusCode.UNIMPLEMENTED
    http_status = 501
