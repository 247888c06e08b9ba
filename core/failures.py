"""Why a call over the network failed, in our own words: by the kind of its exception, and never by its text.

The texts of botocore, urllib3, http.client and of JSON parsers quote headers, bodies, files and what a credential
process printed, so none is shown. What an endpoint answers in AWS's own form is, without the secrets that this process
knows.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from urllib.parse import urlsplit

import urllib3.exceptions as urllib3
from botocore import exceptions as boto

from core.redaction import redacted


class Kind(Enum):
    """What failed."""

    #: Nothing answers, or not as an endpoint does that may be trusted.
    UNREACHABLE = auto()
    #: There are no credentials that can be used now; the same call may succeed after the next sign-in.
    CREDENTIALS = auto()
    #: A setting or a file of settings is wrong, and stays so until a person corrects it.
    SETTINGS = auto()
    #: Something answers, and not what was asked for.
    ANSWER = auto()
    #: Anything else.
    CALL = auto()


@dataclass(frozen=True)
class Failure:
    """What failed, in a part of a sentence that begins in lower case or with a name, and what to do next."""

    kind: Kind
    said: str
    advice: str


class NotAnAnswer(boto.BotoCoreError):
    """Raised for an answer with status 200 that is none of AWS's; `said` is what it is, in our words."""

    fmt = "{said}"


_NETWORK = "Check the network and the region, and that it is up."
_KEYS = "Sign in again or set the keys."
_CHAIN = "there are no usable AWS credentials: what the AWS configuration names to get them failed"
_BY_HAND = "Run its credential_process, or sign in, by hand and see what that says."
_COPY = "Copy the AWS keys and the session token again, without white space, line breaks and quotation marks."
_FILES = "Correct ~/.aws/config and ~/.aws/credentials, or the files that AWS_CONFIG_FILE and its like name."
_TRUST = (
    "If a proxy of your network inspects TLS, name the file with its certificate in AWS_CA_BUNDLE; otherwise check who "
    "answers there."
)
_PROXY = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
#: Advice for an answer that is clearly not AWS's.
BETWEEN = "A proxy, a firewall or a sign-in page may answer in its place: check the network and the endpoint."

#: What may move a terminal's cursor, and how much of an endpoint's words is shown.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")
_MOST = 1_000

#: OpenSSL's verify codes -> what is wrong with the certificate, and what helps.
_CERTIFICATES: dict[int, tuple[str, str]] = {
    9: ("is not valid yet", "Check this machine's clock."),
    10: ("has expired", "Check this machine's clock; if it is right, whoever runs that server has to renew it."),
    18: ("is not trusted: it is signed by itself", _TRUST),
    19: ("is not trusted: an authority that this machine does not know signed it", _TRUST),
    20: ("is not trusted: an authority that this machine does not know signed it", _TRUST),
    21: ("is not trusted: an authority that this machine does not know signed it", _TRUST),
    62: ("is for another host name", "Check the endpoint, and who answers there."),
    64: ("is for another address", "Check the endpoint, and who answers there."),
}

_NETWORK_ERRORS = (
    boto.ConnectionError,
    boto.HTTPClientError,
    http.client.HTTPException,
    urllib.error.URLError,
    urllib3.HTTPError,
)

#: What the credential chain raises for each way to get credentials.
_CREDENTIALS: tuple[tuple[type[Exception], str, str], ...] = (
    (boto.NoCredentialsError, "there are no usable AWS credentials", _KEYS),
    (boto.LoginError, "there are no usable AWS credentials: the sign-in has ended", "Sign in with `aws login`."),
    (boto.SSOError, "there are no usable AWS credentials: the sign-in has ended", "Sign in with `aws sso login`."),
    (boto.TokenRetrievalError, "there are no usable AWS credentials: the sign-in has ended", _KEYS),
    (boto.RefreshWithMFAUnsupportedError, "the AWS credentials have expired and want a new MFA code", _KEYS),
    (boto.MetadataRetrievalError, "the AWS credentials of this machine's role cannot be read", _KEYS),
    (boto.CredentialRetrievalError, _CHAIN, _BY_HAND),
)

_SETTINGS: tuple[tuple[type[Exception], str, str], ...] = (
    (boto.PartialCredentialsError, "one of the two AWS keys is missing where the other is set", _KEYS),
    (boto.ProfileNotFound, "AWS_PROFILE names a profile that is not in ~/.aws", "Correct it, or set the two AWS keys."),
    (boto.ConfigNotFound, "a file of the AWS configuration is missing", _FILES),
    (boto.InvalidConfigError, "a profile of ~/.aws is not complete, or contradicts itself", _FILES),
    (boto.NoRegionError, "no AWS region is set", "Set AWS_REGION, such as us-west-2."),
    (boto.InvalidRegionError, "AWS_REGION is not the name of a region", "Write the name alone, such as us-west-2."),
    (boto.UnknownEndpointError, "AWS_REGION has no such service", "Correct AWS_REGION."),
    (boto.UnknownRegionError, "AWS_REGION is not the name of a region", "Write the name alone, such as us-west-2."),
    (boto.InvalidProxiesConfigError, "the proxy of the AWS configuration cannot be used", _PROXY),
    (
        boto.MissingDependencyException,
        "this way to sign in needs a package that is not installed",
        "Install it: pip install 'botocore[crt]'. Or use other credentials.",
    ),
)


def of(error: BaseException) -> Failure | None:
    """Why it failed; None for an exception that has nothing to do with calls, sockets, credentials or answers."""
    for kind, table in ((Kind.CREDENTIALS, _CREDENTIALS), (Kind.SETTINGS, _SETTINGS)):
        for exception, said, advice in table:
            if isinstance(error, exception):
                return Failure(kind, said, advice)
    if isinstance(error, boto.ConfigParseError):
        path = error.kwargs.get("path", "a file of the AWS configuration")
        return Failure(Kind.SETTINGS, f"{path} cannot be read{_line(error)}", "Correct it.")
    if isinstance(error, NotAnAnswer):
        return Failure(Kind.ANSWER, str(error), BETWEEN)
    modules = set(_modules(error.__traceback__))
    if isinstance(error, _NETWORK_ERRORS):
        return _network(error)
    if isinstance(error, OSError) and modules & {"http.client", "socket", "ssl"}:
        return _network(error)
    return _inside(error, modules)


def answer(error: boto.ClientError) -> str:
    """What AWS answered: its code and its words, without secrets; of a web page only that it is one."""
    detail, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, words = str(detail.get("Code", "")), str(detail.get("Message", ""))
    status = meta.get("HTTPStatusCode")
    kind = str(meta.get("HTTPHeaders", {}).get("content-type", ""))
    if kind.lower().startswith("text/html") or words.lstrip().startswith("<"):
        return f"a web page came back (HTTP {status}), and no answer of AWS's. {BETWEEN}".replace(" (HTTP None)", "")
    if not (code or words):
        return f"HTTP {status} without a reason. {BETWEEN}" if status else "an answer without a reason."
    said = redacted(f"{code}: {_CONTROL.sub(' ', words)}")
    return said if len(said) <= _MOST else f"{said[:_MOST]}…"


def endpoint_of(url: str) -> str:
    """Scheme, host and port of an address: its path and its user name are not shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" if host else ""


def _inside(error: BaseException, modules: set[str]) -> Failure | None:
    """For what is no error of the network: by the part of botocore that it comes from."""
    if modules & {"botocore.credentials", "botocore.tokens"}:
        return Failure(Kind.CREDENTIALS, _CHAIN, _BY_HAND)
    if isinstance(error, boto.ParamValidationError):
        advice = "Check the values that were entered or set."
        return Failure(Kind.CALL, "a value is missing, too short or not of the kind that AWS takes", advice)
    if modules & {"botocore.configloader", "botocore.configprovider"}:
        return Failure(Kind.SETTINGS, "the AWS configuration cannot be read", _FILES)
    if isinstance(error, ValueError) and "botocore.args" in modules:
        said = "AWS_ENDPOINT_URL or AWS_REGION cannot be used"
        return Failure(Kind.SETTINGS, said, "Write the endpoint with its scheme, http:// or https://.")
    if modules & {"botocore.parsers", "botocore.handlers"} or type(error).__name__ == "ResponseParserError":
        return Failure(Kind.ANSWER, "the answer is none of AWS's and cannot be read", BETWEEN)
    if isinstance(error, boto.BotoCoreError) or any(name.startswith(("botocore", "boto3")) for name in modules):
        return Failure(Kind.CALL, f"the call could not be made ({type(error).__name__})", "")
    return None


def _network(error: BaseException) -> Failure:
    at = endpoint_of(str(getattr(error, "kwargs", {}).get("endpoint_url", ""))) or "the endpoint"
    chain = list(_chain(error))
    kinds = tuple(map(type, chain))

    def has(*wanted: type[BaseException]) -> bool:
        return any(issubclass(kind, wanted) for kind in kinds)

    def unreachable(said: str, advice: str = _NETWORK) -> Failure:
        return Failure(Kind.UNREACHABLE, said, advice)

    if has(boto.ProxyConnectionError, urllib3.ProxyError, urllib3.ProxySchemeUnknown):
        return unreachable("the proxy refuses the connection, or cannot be reached", _PROXY)
    if has(urllib3.LocationParseError):
        return Failure(Kind.SETTINGS, "the address of the proxy or the endpoint is none", _PROXY)
    if found := next((each for each in chain if isinstance(each, ssl.SSLCertVerificationError)), None):
        return unreachable(*_certificate(at, found.verify_code))
    if has(boto.SSLError, urllib3.SSLError, ssl.SSLError):
        if has(FileNotFoundError, PermissionError, IsADirectoryError) or _is_about_a_file(chain):
            said = "the file of certificates to trust cannot be read"
            return Failure(Kind.SETTINGS, said, "Correct AWS_CA_BUNDLE, or ca_bundle in ~/.aws/config.")
        return unreachable(f"{at} does not speak TLS as it should", f"Check https:// and the port. {BETWEEN}")
    if has(socket.gaierror):
        return unreachable(f"the host name of {at} does not resolve", "Check its spelling, the region and the DNS.")
    if has(TimeoutError, boto.ConnectTimeoutError, boto.ReadTimeoutError):
        return unreachable(f"nothing answers at {at} in time")
    if has(ConnectionRefusedError):
        return unreachable(f"nothing answers at {at}: the connection is refused")
    cut = (ConnectionError, boto.ConnectionClosedError, boto.ResponseStreamingError, urllib3.ProtocolError)
    if has(*cut, http.client.IncompleteRead, http.client.BadStatusLine):
        return unreachable(f"{at} cut the connection before its answer was complete")
    if has(ValueError) and not has(urllib3.HTTPError):
        return Failure(Kind.CREDENTIALS, "a key or token has characters in it that cannot be sent", _COPY)
    number = next((each.errno for each in chain if isinstance(each, OSError) and each.errno), None)
    return unreachable(f"nothing answers at {at}{f' ({errno.errorcode.get(number, number)})' if number else ''}")


def _certificate(at: str, code: int) -> tuple[str, str]:
    said, advice = _CERTIFICATES.get(code, (f"is not accepted (OpenSSL's verify code {code})", _TRUST))
    return f"the certificate of {at} {said}", advice


def _is_about_a_file(chain: list[BaseException]) -> bool:
    """Whether TLS failed at what was to be read here, and not at what the other side sent."""
    return any(isinstance(each, ssl.SSLError) and each.library in ("X509", "PEM", "ASN1") for each in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it holds, from the outside to the inside."""
    seen: list[BaseException] = []
    open_: list[object] = [error]
    while open_ and len(seen) < 20:
        each = open_.pop(0)
        if not isinstance(each, BaseException) or any(each is known for known in seen):
            continue
        seen.append(each)
        yield each
        inner = getattr(each, "kwargs", {}).get("error"), getattr(each, "reason", None), each.__cause__
        open_ += [*inner, getattr(each, "original_error", None), *each.args]


def _modules(traceback: TracebackType | None) -> Iterator[str]:
    """The modules that an exception came through."""
    while traceback is not None:
        yield str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next


def _line(error: boto.ConfigParseError) -> str:
    """Which line, where configparser knows it. Its own text quotes the line."""
    inner = error.kwargs.get("error")
    first = next(iter(getattr(inner, "errors", ())), (None,))[0]
    number = getattr(inner, "lineno", None) or first
    return f" (line {number})" if isinstance(number, int) else ""
