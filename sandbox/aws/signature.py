"""AWS's signature, version 4: read from a request, and made anew to see whether it is right. Pure.

Written out because it stands before every call, and botocore's signer takes several times as long; a test holds it
against botocore's. Paths and queries are normalised as botocore does for every service but S3, which is not served.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from botocore.utils import normalize_url_path

from sandbox.aws.refusals import HINT, INCOMPLETE, MISSING, UNKNOWN_KEY, WRONG_SIGNATURE, Refused

ALGORITHM = b"AWS4-HMAC-SHA256"
#: How far the caller's clock may be off.
SKEW = timedelta(minutes=5)
#: The longest that a presigned address may hold, in seconds: AWS's week.
LONGEST_S = 604_800

_TIME = "%Y%m%dT%H%M%SZ"
_SCOPE = re.compile(rb"([A-Za-z0-9]{1,128})/(\d{8})/([a-z0-9-]{1,32})/([a-z0-9.-]{1,64})/aws4_request")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}")
_TIMESTAMP = re.compile(rb"\d{8}T\d{6}Z")
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_EXPIRES = re.compile(rb"\d{1,6}")

#: Names of the query of a presigned address, as they are written there.
_QUERY = (
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Date",
    b"X-Amz-Expires",
    b"X-Amz-SignedHeaders",
    b"X-Amz-Signature",
)
_TOKEN = b"x-amz-security-token"
_QUERY_LOWER = frozenset((*(name.lower() for name in _QUERY), _TOKEN))
_PARTS = frozenset((b"Credential", b"SignedHeaders", b"Signature"))

Headers = Mapping[bytes, bytes]
Pairs = Sequence[tuple[bytes, bytes]]


class Signature(NamedTuple):
    """What a request says of its signature. `expires_s` is None where the signature stands in the header."""

    key_id: bytes
    date: bytes
    region: bytes
    service: bytes
    timestamp: bytes
    signed_headers: tuple[bytes, ...]
    signature: bytes
    expires_s: int | None = None

    @property
    def scope(self) -> bytes:
        """The scope that the signature holds for."""
        return b"/".join((self.date, self.region, self.service, b"aws4_request"))


class Request(NamedTuple):
    """A request as it came: `path` and `query` are as on the wire, `headers` has each name once, in lower case."""

    method: bytes
    path: bytes
    query: Pairs
    headers: Headers


def pairs_of(query: bytes) -> list[tuple[bytes, bytes]]:
    """The names and values of a query as they are on the wire."""
    return [(name, value) for name, _, value in (part.partition(b"=") for part in query.split(b"&") if part)]


def is_of_signature(name: bytes) -> bool:
    """Whether a name of a query belongs to a presigned address's signature, however it is written."""
    return unquote_to_bytes(name).lower() in _QUERY_LOWER


def read_signature(request: Request) -> Signature:
    """What the request says of its signature. Raises Refused when it has none, two, or one that cannot be read."""
    in_query = [unquote_to_bytes(name).lower() for name, _ in request.query if is_of_signature(name)]
    authorization = request.headers.get(b"authorization", b"")
    if in_query and authorization:
        raise Refused(INCOMPLETE, "A request is signed in its header or in its query, not in both.")
    if not in_query and not authorization:
        raise Refused(MISSING, f"The request is not signed. {HINT}")
    if _TOKEN in request.headers or _TOKEN in in_query:
        raise Refused(UNKNOWN_KEY, f"The security token is not valid: this run's keys have none. {HINT}")
    return _from_query(request.query) if in_query else _from_header(authorization, request.headers)


def _from_header(authorization: bytes, headers: Headers) -> Signature:
    algorithm, _, rest = authorization.partition(b" ")
    if algorithm != ALGORITHM:
        raise Refused(INCOMPLETE, f"The Authorization header must begin with {ALGORITHM.decode()}. {HINT}")
    listed = [part.strip().partition(b"=") for part in rest.split(b",")]
    parts = {name: value for name, _, value in listed}
    if len(listed) != len(_PARTS) or parts.keys() != _PARTS:
        raise Refused(INCOMPLETE, "The Authorization header needs Credential, SignedHeaders and Signature, each once.")
    timestamp = headers.get(b"x-amz-date", b"")
    return _signature(parts[b"Credential"], timestamp, parts[b"SignedHeaders"], parts[b"Signature"], None)


def _from_query(query: Pairs) -> Signature:
    parts = {name: unquote_to_bytes(value) for name, value in query if name in _QUERY}
    if sum(is_of_signature(name) for name, _ in query) != len(_QUERY) or len(parts) != len(_QUERY):
        raise Refused(INCOMPLETE, f"A presigned address needs {b', '.join(_QUERY).decode()}, each once.")
    if parts[b"X-Amz-Algorithm"] != ALGORITHM:
        raise Refused(INCOMPLETE, f"X-Amz-Algorithm must be {ALGORITHM.decode()}.")
    expires = parts[b"X-Amz-Expires"]
    if not _EXPIRES.fullmatch(expires) or not 1 <= int(expires) <= LONGEST_S:
        raise Refused(INCOMPLETE, f"X-Amz-Expires must be a number of seconds from 1 to {LONGEST_S}.")
    return _signature(
        parts[b"X-Amz-Credential"],
        parts[b"X-Amz-Date"],
        parts[b"X-Amz-SignedHeaders"],
        parts[b"X-Amz-Signature"],
        int(expires),
    )


def _signature(credential: bytes, timestamp: bytes, names: bytes, signature: bytes, expires: int | None) -> Signature:
    key_id, date, region, service = _scope_of(credential)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Refused(INCOMPLETE, "X-Amz-Date is needed, as 20260131T235959Z.")
    signed = _signed_names(names)
    if not _SIGNATURE.fullmatch(signature):
        raise Refused(INCOMPLETE, "Signature must be 64 hexadecimal digits in lower case.")
    return Signature(key_id, date, region, service, timestamp, signed, signature, expires)


@lru_cache(maxsize=64)
def _scope_of(credential: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Key id, date, region and service: the same for all calls of a client on one day. Raises Refused."""
    scope = _SCOPE.fullmatch(credential)
    if scope is None:
        raise Refused(INCOMPLETE, "Credential must be <key id>/<date>/<region>/<service>/aws4_request.")
    return scope[1], scope[2], scope[3], scope[4]


@lru_cache(maxsize=64)
def _signed_names(names: bytes) -> tuple[bytes, ...]:
    """The names of SignedHeaders: the same for all calls of a kind. Raises Refused."""
    signed = tuple(names.split(b";"))
    if list(signed) != sorted(set(signed)) or not all(_NAME.fullmatch(name) for name in signed):
        raise Refused(INCOMPLETE, "SignedHeaders must be names in lower case, in order, each once.")
    return signed


def check_claims(signature: Signature, request: Request, key_id: bytes, now: datetime) -> None:
    """Everything that can be checked before the body is there: key, time, and which headers are signed.

    Raises Refused.
    """
    if not hmac.compare_digest(signature.key_id, key_id):
        raise Refused(UNKNOWN_KEY, f"The access key id is not this run's. {HINT}")
    if not signature.timestamp.startswith(signature.date):
        raise Refused(WRONG_SIGNATURE, "The date in the credential's scope is not that of X-Amz-Date.")
    _check_time(signature, now)
    signed = frozenset(signature.signed_headers)
    needed = {b"host"} | {name for name in request.headers if name.startswith(b"x-amz-")}
    if unsigned := needed - signed:
        raise Refused(WRONG_SIGNATURE, f"These headers must be signed: {_listed(unsigned)}.")
    if absent := signed - request.headers.keys():
        raise Refused(WRONG_SIGNATURE, f"These headers are signed and not there: {_listed(absent)}.")


def _check_time(signature: Signature, now: datetime) -> None:
    try:
        then = datetime.fromisoformat(signature.timestamp.decode())
    except ValueError as error:
        raise Refused(INCOMPLETE, "X-Amz-Date is no time that there is.") from error
    if then > now + SKEW:
        raise Refused(WRONG_SIGNATURE, f"Signature not yet current: {then:{_TIME}} is still later than {now:{_TIME}}.")
    ends = then + (SKEW if signature.expires_s is None else timedelta(seconds=signature.expires_s))
    if now > ends:
        raise Refused(WRONG_SIGNATURE, f"Signature expired: {ends:{_TIME}} is now earlier than {now:{_TIME}}.")


def check_signature(signature: Signature, request: Request, secret: str, body: bytes) -> None:
    """Whether the signature is the one that this secret makes of the request and its body. Raises Refused."""
    digest = hashlib.sha256(body).hexdigest().encode()
    stated = request.headers.get(b"x-amz-content-sha256", digest)
    if not hmac.compare_digest(stated, digest):
        raise Refused(WRONG_SIGNATURE, "X-Amz-Content-Sha256 must be the hash of the body, whole and unchunked.")
    if not hmac.compare_digest(expected_signature(signature, request, secret, digest), signature.signature):
        raise Refused(WRONG_SIGNATURE, f"The signature is not the one that this run's secret key makes. {HINT}")


def expected_signature(signature: Signature, request: Request, secret: str, digest: bytes) -> bytes:
    """The signature that the secret makes of the request; `digest` is the hash of the body in hexadecimal digits."""
    canonical = b"\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            *(name + b":" + b" ".join(request.headers[name].split()) for name in signature.signed_headers),
            b"",
            b";".join(signature.signed_headers),
            digest,
        )
    )
    hashed = hashlib.sha256(canonical).hexdigest().encode()
    to_sign = b"\n".join((ALGORITHM, signature.timestamp, signature.scope, hashed))
    key = _signing_key(secret, signature.date, signature.region, signature.service)
    return hmac.digest(key, to_sign, "sha256").hex().encode()


@lru_cache(maxsize=64)
def _signing_key(secret: str, *scope: bytes) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (*scope, b"aws4_request"):
        key = hmac.digest(key, part, "sha256")
    return key


def _canonical_path(path: bytes) -> bytes:
    if path == b"/":
        return path
    return quote(normalize_url_path(path.decode("latin-1")), safe="/~", encoding="latin-1").encode()


def _canonical_query(query: Pairs) -> bytes:
    return b"&".join(name + b"=" + value for name, value in sorted(query) if name != b"X-Amz-Signature")


def _listed(names: Iterable[bytes]) -> str:
    return ", ".join(sorted(name.decode("latin-1") for name in names))
