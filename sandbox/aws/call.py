"""Which call a signed request is: service and operation, decided once, and the request as it is handed on. Pure.

The emulator looks for a service in many places (host, path, target, form, scope, agent). Here the signed scope, the
protocol and the operation must name the same service, and what is handed on is made anew of just these: no header,
path or query that a caller has thought up reaches the emulator.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple
from urllib.parse import parse_qsl

from botocore.utils import normalize_url_path

from sandbox.aws.allowed import BY_CBOR, BY_FORM, BY_TARGET, PIPES, SIGNING_NAMES, Service
from sandbox.aws.refusals import MALFORMED, NOT_SERVED, TOO_LARGE, Refused, Shape
from sandbox.aws.signature import Headers, Pairs, Request, Signature, is_of_signature

_CBOR_PATH = re.compile(rb"/service/(\w{1,64})/operation/(\w{1,64})")
_PIPES_PATH = re.compile(r"/(v1/pipes|tags)(/|$)")
_OPERATION = re.compile(rb"[A-Za-z]{1,64}")
_FORM = b"application/x-www-form-urlencoded"
_MAXIMUM_FIELDS = 5_000
#: Services whose errors are XML of their own kind.
_S3 = frozenset({b"s3", b"s3-outposts", b"s3-object-lambda", b"s3express"})
#: And those that are REST and answer in the query protocol's XML.
_REST_XML = frozenset({b"route53", b"cloudfront"})


class Call(NamedTuple):
    """A call that is served: what the parts behind the door see of the request."""

    operation: str
    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def shape_of(request: Request, service: bytes = b"") -> Shape:
    """The protocol in which the caller expects an error; `service` is the one that it signed for, if it did."""
    target = request.headers.get(b"x-amz-target", b"").partition(b".")[0].decode("latin-1")
    if request.headers.get(b"smithy-protocol") == b"rpc-v2-cbor" or _CBOR_PATH.fullmatch(request.path):
        return Shape.CBOR
    if target:
        known = BY_TARGET.get(target)
        version_1_0 = known.json == "1.0" if known else b"json-1.0" in request.headers.get(b"content-type", b"")
        return Shape.JSON_1_0 if version_1_0 else Shape.JSON_1_1
    if service in _S3:
        return Shape.S3
    if service == b"ec2":
        return Shape.EC2
    form = service in _REST_XML or request.headers.get(b"content-type", b"").startswith(_FORM)
    return Shape.QUERY if request.path == b"/" or form else Shape.REST_JSON


def check_service(signature: Signature) -> None:
    """Raises Refused for a service that is not served, whatever else the request says."""
    if signature.service.decode() not in SIGNING_NAMES:
        served = ", ".join(sorted(SIGNING_NAMES))
        raise Refused(NOT_SERVED, f"The sandbox does not serve {signature.service.decode()}; it serves {served}.")


def call_of(request: Request, signature: Signature, body: bytes) -> Call:
    """The call that a request is. Raises Refused when it is none that is served, or says two things at once."""
    signed = signature.service.decode()
    query = [(name, value) for name, value in request.query if not is_of_signature(name)]
    if signed == PIPES.signing_name:
        return _pipes(request, signature, query, body)
    headers, body = request.headers, _inflated(request.headers, body)
    if b"x-amz-target" in headers:
        return _json(request, signature, query, body)
    if _CBOR_PATH.fullmatch(request.path):
        return _cbor(request, signature, query, body)
    if request.path == b"/" and signed in BY_FORM:
        return _form(request, signature, query, body)
    raise Refused(NOT_SERVED, f"{_told(request.method)} {_told(request.path)} is no operation of {signed}.")


def _pipes(request: Request, signature: Signature, query: Pairs, body: bytes) -> Call:
    path = request.path.decode("latin-1")
    odd = b"x-amz-target" in request.headers or b"content-encoding" in request.headers
    if odd or normalize_url_path(path) != path or not _PIPES_PATH.match(path):
        raise Refused(NOT_SERVED, f"{_told(request.method)} {_told(request.path)} is no operation of pipes.")
    left = b"&".join(name + b"=" + value for name, value in query)
    kept = ((b"content-type", b"application/json"),)
    operation = f"{request.method.decode()} {path}"
    return Call(operation, request.method.decode(), request.path, left, _headers(request, signature, kept, body), body)


def _json(request: Request, signature: Signature, query: Pairs, body: bytes) -> Call:
    prefix, _, operation = request.headers[b"x-amz-target"].partition(b".")
    service = BY_TARGET.get(prefix.decode("latin-1"))
    if request.method != b"POST" or request.path != b"/" or query:
        raise Refused(NOT_SERVED, "A call with X-Amz-Target is a POST to /, without a query.")
    name = _served(service, signature, operation)
    assert service is not None
    kept = (
        (b"content-type", f"application/x-amz-json-{service.json}".encode()),
        (b"x-amz-target", f"{service.target}.{name}".encode()),
    )
    return _post(name, b"/", request, signature, kept, body)


def _cbor(request: Request, signature: Signature, query: Pairs, body: bytes) -> Call:
    found = _CBOR_PATH.fullmatch(request.path)
    assert found is not None
    if request.method != b"POST" or query:
        raise Refused(NOT_SERVED, "A call in CBOR is a POST without a query.")
    name = _served(BY_CBOR.get(found[1].decode()), signature, found[2])
    kept = ((b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor"))
    return _post(name, request.path, request, signature, kept, body)


def _form(request: Request, signature: Signature, query: Pairs, body: bytes) -> Call:
    service = BY_FORM[signature.service.decode()]
    if request.method in (b"GET", b"POST") and not body:
        form = b"&".join(name + b"=" + value for name, value in query)
    elif request.method == b"POST" and not query and request.headers.get(b"content-type", b"").startswith(_FORM):
        form = body
    else:
        raise Refused(NOT_SERVED, f"A call of {service.signing_name} is a form: {_FORM.decode()} in a POST to /.")
    fields = _fields(form)
    actions = [value for name, value in fields if name == "Action"]
    if len(actions) != 1:
        raise Refused(NOT_SERVED, "The form must name one Action.")
    name = _served(service, signature, actions[0].encode())
    if request.method == b"GET" and name not in service.reads:
        raise Refused(NOT_SERVED, f"{name} changes something: it is served as POST, not as GET.")
    if name in service.only:
        limited, allowed = service.only[name]
        if [value for field, value in fields if field == limited] not in [[value] for value in allowed]:
            raise Refused(NOT_SERVED, f"The sandbox serves {name} with {limited} {' or '.join(sorted(allowed))} only.")
    return _post(name, b"/", request, signature, ((b"content-type", _FORM),), form)


def _fields(form: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_MAXIMUM_FIELDS)
    except ValueError as error:
        raise Refused(MALFORMED, f"The form is not UTF-8, or has more than {_MAXIMUM_FIELDS:,} fields.") from error


def _served(service: Service | None, signature: Signature, operation: bytes) -> str:
    """The name of an operation that this service serves to a caller who signed for it. Raises Refused."""
    signed = signature.service.decode()
    if service is None or service.signing_name != signed:
        raise Refused(NOT_SERVED, f"The request is signed for {signed} and calls another service.")
    name = operation.decode("latin-1")
    if not _OPERATION.fullmatch(operation) or not service.serves(name):
        raise Refused(NOT_SERVED, f"The sandbox does not serve the operation {_told(operation)} of {service.name}.")
    return name


def _post(
    name: str, path: bytes, request: Request, signature: Signature, kept: tuple[tuple[bytes, bytes], ...], body: bytes
) -> Call:
    return Call(name, "POST", path, b"", _headers(request, signature, kept, body), body)


def _headers(
    request: Request, signature: Signature, kept: tuple[tuple[bytes, bytes], ...], body: bytes
) -> tuple[tuple[bytes, bytes], ...]:
    """Host, which queue URLs carry, and region and service, which the emulator reads from where a signature is."""
    credential = b"SANDBOX/" + signature.scope
    return (
        (b"host", request.headers[b"host"]),
        (b"content-length", str(len(body)).encode()),
        (b"authorization", b"AWS4-HMAC-SHA256 Credential=" + credential + b", SignedHeaders=host, Signature=0"),
        *kept,
        *((n, request.headers[n]) for n in (b"x-amzn-query-mode",) if n in request.headers),
    )


def _inflated(headers: Headers, body: bytes) -> bytes:
    """The body, decompressed where it came compressed, which botocore does with large metrics. Raises Refused."""
    encoding = headers.get(b"content-encoding", b"").lower()
    if not encoding:
        return body
    if encoding != b"gzip":
        raise Refused(MALFORMED, f"Content-Encoding is {_told(encoding)}; gzip is taken, or none.")
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        inflated = inflating.decompress(body, _MAXIMUM_INFLATED)
    except zlib.error as error:
        raise Refused(MALFORMED, "The body is not compressed as its Content-Encoding says.") from error
    if not inflating.eof or inflating.unconsumed_tail or inflating.unused_data:
        raise Refused(TOO_LARGE, f"The body has over {_MAXIMUM_INFLATED:,} bytes when decompressed, or is cut short.")
    return inflated


#: The most that a compressed body may become: CloudWatch's own limit, 1 MiB.
_MAXIMUM_INFLATED = 1_048_576


def _told(text: bytes) -> str:
    """A few characters of what the caller has sent, fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in text[:80].decode("latin-1"))
