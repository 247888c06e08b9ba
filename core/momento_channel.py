"""One way to open a gRPC channel to Momento, real or embedded, and one way to read its refusals.

Used by the client for single calls (core/momento_client.py) and by the topic feed. The choices about channels:

- Pings every 10 s on the data channel, also when idle, so that a dead connection is noticed. The SDKs ping
  every 5 s (facts/momento.md section 3), so the service allows it. The control channel has none, like theirs.
- gRPC would wait up to two minutes before it dials a lost server again; here at most 2 s.
- Its own connection for each channel: by default channels to one address share theirs, and with it the wait.
- A proxy from the environment serves the real Momento only; the sandbox is on this machine.
"""

from __future__ import annotations

import grpc

from core.errors import DashboardError, NotAuthorized, NotFound, ServiceFailed, Throttled, Unreachable
from core.momento_keys import MomentoAddress
from core.redaction import redacted, remember
from core.text import short

#: Room for the largest cache item (5 MB of key and value) and its envelope.
MAX_MESSAGE_BYTES = 11_000_000
#: Characters of the service's own words that are shown.
_MOST = 300

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

#: What gRPC says of a connection that does not come up -> what that means, and what helps ("" for the usual). Its own
#: words are not shown: they quote addresses, and what a proxy or a server answered.
_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted",
        "If a proxy of your network inspects TLS, name the file with its certificate in "
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH; otherwise check MOMENTO_ENDPOINT and this machine's clock.",
    ),
    ("HTTP proxy returned", "the proxy refuses the connection", "Check HTTPS_PROXY and NO_PROXY."),
    ("Tls handshake failed", "it does not speak TLS", ""),
    ("Ssl handshake failed", "it does not speak TLS", ""),
    ("HTTP/2", "what answers is not Momento: it does not speak gRPC", ""),
    ("http2", "what answers is not Momento: it does not speak gRPC", ""),
    ("Connection refused", "the connection is refused", ""),
    ("Connection reset", "the connection was cut", ""),
    ("Socket closed", "the connection was cut", ""),
    ("Broken pipe", "the connection was cut", ""),
    ("unreachable", "no network leads there", ""),
    ("imed out", "no answer in time", ""),
    ("imeout", "no answer in time", ""),
)


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
    details = redacted(details.replace(address.token, "(key)")).strip().rstrip(".")
    kind = _KIND_OF_CODE.get(code, ServiceFailed)
    if kind is Unreachable and any(words in details for words in _UNKNOWN_NAME):
        return Unreachable(f"{tried} failed: the host name {_host(address)} does not resolve.", _NAME_ADVICE)
    found = _reason(details) if kind is Unreachable and address.tls else ("", "")
    answer = _answer(kind, code, found[0], details)
    return kind(f"{tried} at {address.label} failed: {answer}.", found[1] or _advice(kind, address))


def _reason(details: str) -> tuple[str, str]:
    """What gRPC's words mean and what helps; on this machine there is but one reason."""
    return next(((said, advice) for words, said, advice in _REASONS if words in details), ("", ""))


def _open(address: MomentoAddress, target: str, more: tuple[tuple[str, int], ...]) -> grpc.Channel:
    remember(address.token)
    if address.tls:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS + more)
    return grpc.insecure_channel(target, options=_OPTIONS + more + _NO_PROXY)


def _host(address: MomentoAddress) -> str:
    return address.cache_target.rpartition(":")[0]


def _answer(kind: type[DashboardError], code: grpc.StatusCode, reason: str, details: str) -> str:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    if kind is NotAuthorized:
        return f"the key was refused ({code.name})"
    if kind is Unreachable:
        return f"nothing answers there ({reason})" if reason else "nothing answers there"
    return f"{short(details, _MOST)} ({code.name})" if details else code.name


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
