"""One way to open a gRPC channel to Momento, real or embedded, and one way to read its refusals.

Used by the client for single calls (services/momento.py) and by the topic feed. The choices about channels:

- Pings every 10 s on the data channel, also when idle, so that a dead connection is noticed. The SDKs ping
  every 5 s (facts/momento.md section 3), so the service allows it. The control channel has none, like theirs.
- gRPC would wait up to two minutes before it dials a lost server again; here at most 2 s.
- Its own connection for each channel: by default channels to one address share theirs, and with it the wait.
- A proxy from the environment serves the real Momento only; the sandbox is on this machine.
"""

from __future__ import annotations

import grpc

from services.errors import (
    DashboardError,
    NotAuthorized,
    NotFound,
    ServiceFailed,
    Throttled,
    Unreachable,
)
from services.momento_keys import MomentoAddress

#: Room for the largest cache item (5 MB of key and value) and its envelope.
MAX_MESSAGE_BYTES = 11_000_000

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)
_KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
_NO_PROXY: tuple[tuple[str, int], ...] = (("grpc.enable_http_proxy", 0),)

_SERVICE_CACHE_ADVICE = (
    "A cache belongs to one region, and the endpoint names it: create the cache there (`python -m provision up`), or "
    "set MOMENTO_ENDPOINT to that of the region which has it."
)
_NAME_ADVICE = (
    "If other names resolve here, the endpoint or its region is wrong: set MOMENTO_ENDPOINT to the endpoint that the "
    "console shows beside the key. Otherwise check this machine's DNS and network."
)
#: What gRPC's resolvers, its own and the system's, say when a name does not resolve.
_UNKNOWN_NAME = ("DNS resolution failed", "errors resolving", "Domain name not found")


class AlreadyExists(ServiceFailed):
    """Raised when Momento has a cache of that name already."""


_KIND_OF_CODE: dict[grpc.StatusCode, type[DashboardError]] = {
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unreachable,
    grpc.StatusCode.CANCELLED: Unreachable,
    grpc.StatusCode.UNAUTHENTICATED: NotAuthorized,
    grpc.StatusCode.PERMISSION_DENIED: NotAuthorized,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Throttled,
}

_SANDBOX_ADVICE = "Check that the sandbox is running and that its Momento is not stopped."
_SERVICE_ADVICE = "Check the network, and that MOMENTO_ENDPOINT is the endpoint shown beside the key."


def open_data_channel(address: MomentoAddress) -> grpc.Channel:
    """A channel to the cache and topic host. It connects when first used."""
    return _open(address, address.cache_target, _KEEPALIVE)


def open_control_channel(address: MomentoAddress) -> grpc.Channel:
    """A channel to the control host. It connects when first used."""
    return _open(address, address.control_target, ())


def authorization(address: MomentoAddress) -> tuple[str, str]:
    """The header that carries the token: the bare token, without "Bearer"."""
    return ("authorization", address.token)


def failure(error: grpc.RpcError, tried: str, address: MomentoAddress) -> DashboardError:
    """The error to raise when `tried` (such as "Reading key Oslo") failed with `error` at `address`.

    Raise it `from None`: it says all that `error` says, and that one may quote the token.
    """
    code, details = grpc.StatusCode.UNKNOWN, ""
    if isinstance(error, grpc.Call):
        code, details = error.code() or code, error.details() or ""
    details = details.replace(address.token, "(key)").strip().rstrip(".")
    kind = _KIND_OF_CODE.get(code, ServiceFailed)
    if kind is Unreachable and any(words in details for words in _UNKNOWN_NAME):
        return Unreachable(f"{tried} failed: the host name {_host(address)} does not resolve.", _NAME_ADVICE)
    return kind(f"{tried} at {address.label} failed: {_answer(kind, code, details, address)}.", _advice(kind, address))


def _open(address: MomentoAddress, target: str, more: tuple[tuple[str, int], ...]) -> grpc.Channel:
    if address.tls:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS + more)
    return grpc.insecure_channel(target, options=_OPTIONS + more + _NO_PROXY)


def _host(address: MomentoAddress) -> str:
    return address.cache_target.rpartition(":")[0]


def _answer(kind: type[DashboardError], code: grpc.StatusCode, details: str, address: MomentoAddress) -> str:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    if kind is NotAuthorized:
        return f"the key was refused ({code.name})"
    if kind is Unreachable:
        # Over the network the reason may be a name or a certificate; on this machine there is but one.
        return f"nothing answers there ({details[:160]})" if details and address.tls else "nothing answers there"
    return f"{details} ({code.name})" if details else code.name


def _advice(kind: type[DashboardError], address: MomentoAddress) -> str:
    if kind is Unreachable:
        return _SERVICE_ADVICE if address.tls else _SANDBOX_ADVICE
    if kind is NotAuthorized:
        return "Check that the key is still valid, was made for this endpoint, and may use this cache."
    if kind is NotFound:
        return _SERVICE_CACHE_ADVICE if address.tls else "Create the cache, or check its name."
    if kind is Throttled:
        return "Slow down, or raise the account's limits at Momento."
    return "Try again; if it stays, look at the status page of Momento or the sandbox's output."
