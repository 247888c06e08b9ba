"""The limits that the sandbox's Momento enforces, and the checks that do it.

Sizes and the longest time to live are the documented hard limits of the service (facts/momento.md section 7).
Assumed: a time to live above the longest is refused and not clamped, and an over-long message is refused as
"request size" (the public error mapping has no word of its own for topics).
"""

from __future__ import annotations

from sandbox.momento.errors import InvalidArgument, TooLarge

#: Key and value of one cache item together, in bytes.
MAX_ITEM_BYTES = 5 * 1024 * 1024
#: The value of one topic message, in bytes.
MAX_MESSAGE_BYTES = 4 * 1024
#: What all items together may take, in bytes, keys and ITEM_BYTES for each included: a million weather records.
#: The service's own limit depends on the account.
MAX_STORED_BYTES = 512 * 1024 * 1024
#: What an item takes beside its key and value.
ITEM_BYTES = 250
#: Caches, topics of all caches together, and open subscriptions.
MAX_CACHES, MAX_TOPICS, MAX_SUBSCRIPTIONS = 100, 200, 4_000
#: The name of a cache or topic, in bytes. Assumed: the service's own limit is not documented.
MAX_NAME_BYTES = 1_024
#: A request for an access token, in bytes: four short fields.
MAX_TOKEN_REQUEST_BYTES = 16 * 1024
#: The longest time to live: 24 hours, in milliseconds.
MAX_TTL_MS = 24 * 60 * 60 * 1000


def check_key(key: bytes) -> None:
    """Raises InvalidArgument when the key is empty."""
    if not key:
        raise InvalidArgument("Key must not be empty")


def check_ttl(ttl_ms: int) -> None:
    """Raises InvalidArgument when the time to live (ms) is not positive or longer than 24 hours."""
    if not 0 < ttl_ms <= MAX_TTL_MS:
        raise InvalidArgument(f"TTL must be positive and at most {MAX_TTL_MS // 1000} seconds")


def check_item(key: bytes, value: bytes, ttl_ms: int) -> None:
    """Raises InvalidArgument or TooLarge when the item may not be stored."""
    check_key(key)
    check_ttl(ttl_ms)
    if len(key) + len(value) > MAX_ITEM_BYTES:
        raise TooLarge(f"Item size limit exceeded: {MAX_ITEM_BYTES} bytes", "item_size_limit_exceeded")


def check_message(value: str | bytes) -> None:
    """Raises TooLarge when the message may not be published."""
    if len(value if isinstance(value, bytes) else value.encode()) > MAX_MESSAGE_BYTES:
        raise TooLarge(f"Request limit exceeded: {MAX_MESSAGE_BYTES} bytes a message", "request_size_limit_exceeded")


def check_name(what: str, name: str) -> None:
    """Raises InvalidArgument when the name of a cache or topic is empty or too long; `what` says which it is."""
    if not name:
        raise InvalidArgument(f"{what} name must not be empty")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidArgument(f"{what} name must have at most {MAX_NAME_BYTES} bytes")
