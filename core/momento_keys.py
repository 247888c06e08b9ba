"""From the Momento key and endpoint that people paste to the addresses and the token that calls need. Pure.

Three kinds of key exist (facts/momento.md section 2; the Python SDK resolves them the same way):

- V2: a JWT whose claim `t` is "g". It knows no place, so an endpoint is needed beside it.
- V1: base64 of the JSON {"endpoint": ..., "api_key": ...}. Calls carry the inner api_key.
- LEGACY: a JWT that names its cache host in the claim `c` and its control host in `cp`.

What goes into the EventBridge connection is the key as the person gave it, whatever its kind; that value
never passes through here. Nobody checks signatures on this side: the service does.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from core import key_text
from core.errors import NotConfigured

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_HOST_PREFIXES = ("api.cache.", "web.cache.", "cache.", "control.", "token.", "api.")
_EXAMPLE = "cell-4-us-west-2-1.prod.a.momentohq.com"
_WHERE_ENDPOINTS_COME_FROM = (
    f"Set MOMENTO_ENDPOINT to the endpoint that the console shows beside the key, such as {_EXAMPLE}."
)
_WHERE_KEYS_COME_FROM = "Copy it again from the Momento console: API keys."


class KeyKind(Enum):
    """The kinds of Momento API key; see the module's text."""

    V1 = "v1"
    V2 = "v2"
    LEGACY = "legacy"


@dataclass(frozen=True)
class MomentoAddress:
    """Where a Momento answers and the token that it wants.

    `cache_target` and `control_target` are "host:port" for gRPC, encrypted when `tls`; `http_endpoint` is the
    base URL of the HTTP API, without a slash at its end; `label` is the endpoint as people know it.
    Raises NotConfigured for a token that cannot travel in a header.
    """

    cache_target: str
    control_target: str
    tls: bool
    http_endpoint: str
    token: str = field(repr=False)
    label: str

    def __post_init__(self) -> None:
        # gRPC quotes the whole header, token included, when it refuses one.
        if not self.token or key_text.fault(self.token):
            raise _unreadable_key()


def for_sandbox(host: str, port: int, http_endpoint: str, token: str) -> MomentoAddress:
    """The address of the embedded Momento: one plaintext port for cache, topics and control."""
    target = f"{host}:{port}"
    return MomentoAddress(
        cache_target=target,
        control_target=target,
        tls=False,
        http_endpoint=http_endpoint.rstrip("/"),
        token=token,
        label=target,
    )


def for_service(api_key: str, endpoint: str | None = None, http_endpoint: str | None = None) -> MomentoAddress:
    """The address of the real service for a key of any kind.

    `endpoint` is needed by a V2 key only; the host of `http_endpoint` stands in for it, because the original
    demo's settings have just that one. Either may be pasted in any form that `normalise_endpoint` takes.
    Raises NotConfigured for an unreadable key, a missing endpoint, or one that contradicts the key.
    """
    key = api_key.strip()
    kind = kind_of_key(key)
    given = normalise_endpoint(endpoint) if endpoint else None
    given_http = normalise_endpoint(http_endpoint) if http_endpoint else None

    if kind is KeyKind.LEGACY:
        claims = _jwt_claims(key) or {}
        cache_host, control_host, token = str(claims["c"]), str(claims["cp"]), key
        place = normalise_endpoint(cache_host)
    elif kind is KeyKind.V1:
        parts = _v1_parts(key) or {}
        place, token = normalise_endpoint(parts["endpoint"]), parts["api_key"]
        cache_host, control_host = f"cache.{place}", f"control.{place}"
    else:
        place, token = _endpoint_for_v2(given or given_http), key
        cache_host, control_host = f"cache.{place}", f"control.{place}"

    if given and given != place:
        raise NotConfigured(
            f"The Momento API key belongs to {place}, but MOMENTO_ENDPOINT says {given}.",
            "Remove MOMENTO_ENDPOINT, or use a key made for that endpoint.",
        )
    return MomentoAddress(
        cache_target=f"{cache_host}:443",
        control_target=f"{control_host}:443",
        tls=True,
        http_endpoint=f"https://api.cache.{given_http or place}",
        token=token,
        label=place,
    )


def kind_of_key(key: str) -> KeyKind:
    """What kind of key this is. Raises NotConfigured, which never quotes the key, when it is none."""
    key = key.strip()
    claims = _jwt_claims(key)
    if claims is not None and claims.get("t") == "g":
        return KeyKind.V2
    if claims is not None and isinstance(claims.get("c"), str) and isinstance(claims.get("cp"), str):
        return KeyKind.LEGACY
    if _v1_parts(key) is not None:
        return KeyKind.V1
    raise _unreadable_key()


def normalise_endpoint(text: str) -> str:
    """The bare endpoint, such as cell-4-us-west-2-1.prod.a.momentohq.com, from what people paste.

    Takes it with or without scheme, slash, port 443 and the prefix of a single host (`api.cache.`, `cache.`).
    Raises NotConfigured for a region name or anything else that is not a host name; never quotes other text,
    which may be a key pasted into the wrong place.
    """
    host = re.sub(r"^[a-z]+://", "", text.strip().lower()).rstrip("/").removesuffix(":443")
    for prefix in _HOST_PREFIXES:
        if host.startswith(prefix):
            host = host.removeprefix(prefix)
            break
    if _REGION.fullmatch(host):
        raise NotConfigured(
            f"The Momento endpoint is set to the region name {host}.",
            _WHERE_ENDPOINTS_COME_FROM,
        )
    if not _HOST.fullmatch(host):
        raise NotConfigured(
            "The Momento endpoint is not a host name.",
            _WHERE_ENDPOINTS_COME_FROM,
        )
    return host


def _endpoint_for_v2(place: str | None) -> str:
    if place is None:
        raise NotConfigured(
            "The Momento API key is a v2 key, which says nothing about its endpoint.",
            f"Set MOMENTO_ENDPOINT, such as {_EXAMPLE}.",
            missing=("MOMENTO_ENDPOINT",),
        )
    return place


def _unreadable_key() -> NotConfigured:
    return NotConfigured("MOMENTO_API_KEY cannot be read as a key of Momento's.", _WHERE_KEYS_COME_FROM)


def _v1_parts(key: str) -> dict[str, str] | None:
    content = _json_of(key)
    if content is None:
        return None
    endpoint, api_key = content.get("endpoint"), content.get("api_key")
    if not (isinstance(endpoint, str) and isinstance(api_key, str) and endpoint and api_key):
        return None
    return {"endpoint": endpoint, "api_key": api_key}


def _jwt_claims(key: str) -> dict[str, Any] | None:
    parts = key.split(".")
    return _json_of(parts[1]) if len(parts) == 3 else None


def _json_of(encoded: str) -> dict[str, Any] | None:
    """The JSON object in a base64 or base64url text, padded or not; None when it holds none."""
    standard = encoded.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        content = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
