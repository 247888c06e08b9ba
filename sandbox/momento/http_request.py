"""One HTTP request as the API reads it: route, names in the path, parameters, key, and then its body.

Path segments and parameters are percent-decoded from the raw bytes, so a name may hold a slash or any text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from sandbox.bodies import BodyCutShort, BodyTooLarge, read_at_most
from sandbox.momento.errors import InvalidArgument, TooLarge

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class ClientGone(Exception):
    """Raised when the client closed the connection before it had its answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """`route` is the method and the first path segment ("PUT /cache"), `names` the decoded segments after it.

    `body` is empty until `read_body` has read it.
    """

    route: str
    names: tuple[str, ...]
    params: dict[str, str]
    headers: dict[bytes, bytes]
    body: bytes
    scope: Message
    receive: Receive

    def token(self) -> str:
        """The key of the caller, from the header `Authorization` (raw) or the parameter `token`; "" without.

        Raises InvalidArgument when it is given in both (documented for topics, assumed for the cache).
        """
        header = self.headers.get(b"authorization", b"").decode("latin-1")
        param = self.params.get("token", "")
        if header and param:
            raise InvalidArgument("Authorization header and token parameter: only one value must be set")
        return header or param

    def key(self) -> bytes:
        """The item's key from `key` or `key_base64` (URL alphabet, padding optional).

        Raises InvalidArgument when neither or both are given, or the base64 is broken.
        """
        match self.params.get("key"), self.params.get("key_base64"):
            case str(plain), None:
                return plain.encode("utf-8", "surrogateescape")
            case None, str(encoded):
                return _from_base64(encoded)
            case _:
                raise InvalidArgument("Exactly one of key and key_base64 must be set")

    def number(self, name: str, default: int | None = None) -> int:
        """A parameter as a whole number. Raises InvalidArgument when it is none, or missing without a default."""
        text = self.params.get(name)
        if text is None and default is not None:
            return default
        if text is None or not (text.isascii() and text.isdigit() and len(text) < 20):
            raise InvalidArgument(f"{name} must be set to a whole number")
        return int(text)

    @property
    def is_binary(self) -> bool:
        """Whether the body is declared as bytes, `application/octet-stream`, rather than text."""
        media_type = self.headers.get(b"content-type", b"").partition(b";")[0]
        return media_type.strip().lower() == b"application/octet-stream"


def read_head(scope: Message, receive: Receive) -> Request:
    """The request without its body. Raises InvalidArgument."""
    route, names = split_path(scope)
    query = scope["query_string"].decode("latin-1")
    params = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
    if sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        raise InvalidArgument("Only one Authorization header must be set")
    return Request(route, names, params, dict(scope["headers"]), b"", scope, receive)


async def read_body(request: Request, most: int) -> Request:
    """The request with its whole body, of which no more than `most` bytes are read. Raises ClientGone and TooLarge."""
    try:
        body = await read_at_most(request.receive, most, request.headers.get(b"content-length", b""))
    except BodyTooLarge:
        raise TooLarge(f"Request limit exceeded: {most} bytes", "request_size_limit_exceeded") from None
    except BodyCutShort:
        raise ClientGone from None
    return replace(request, body=body)


def split_path(scope: Message) -> tuple[str, tuple[str, ...]]:
    """The route and the decoded names in the path. Raises InvalidArgument when they are not UTF-8."""
    first, *rest = scope["raw_path"].split(b"/")[1:] or [b""]
    try:
        names = tuple(unquote_to_bytes(segment).decode() for segment in rest)
    except UnicodeDecodeError:
        raise InvalidArgument("The path is not UTF-8") from None
    return f"{scope['method']} /{first.decode('latin-1')}", names


def _from_base64(encoded: str) -> bytes:
    padding = "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(encoded + padding, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument("key_base64 is not URL-safe base64") from None
