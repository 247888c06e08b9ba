"""What every RPC has in common: the key is checked, a refusal becomes a gRPC status, unknown methods are named.

Handlers are plain functions of a request and the call's metadata; nothing here or in them waits, so each unary
call is answered within one turn of the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from operator import methodcaller
from typing import Any, NoReturn

import grpc

from sandbox.momento.errors import MomentoError, NotAuthenticated, NotImplementedHere
from sandbox.momento.keys import KeyRing

#: The metadata of one call. The values are text, except those of "-bin" keys, which no SDK of Momento sends.
Metadata = Mapping[str, str]
#: One unary RPC: request and metadata in, response out. Raises MomentoError to refuse.
Unary = Callable[[Any, Metadata], Any]
Context = grpc.aio.ServicerContext[Any, Any]

_serialize = methodcaller("SerializeToString")


async def refuse(context: Context, error: MomentoError) -> NoReturn:
    """End the call with the status, the details and the trailing metadata of the error."""
    await context.abort(error.grpc_status, error.details, (("err", error.err),) if error.err else ())


def authenticated(context: Context, keys: KeyRing) -> Metadata:
    """The metadata of the call. Raises NotAuthenticated unless it carries a valid key, raw and without a scheme."""
    pairs: Any = context.invocation_metadata()
    metadata: Metadata = dict(pairs)
    if not keys.check(metadata.get("authorization", "")):
        raise NotAuthenticated("Invalid authentication credentials to connect to the cache service")
    return metadata


def unary(function: Unary, request_type: Any, keys: KeyRing) -> grpc.RpcMethodHandler[Any, Any]:
    """The method handler that serves `function` to callers with a valid key."""

    async def handle(request: Any, context: Context) -> Any:
        try:
            return function(request, authenticated(context, keys))
        except MomentoError as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=request_type.FromString, response_serializer=_serialize
    )


def stream(
    function: Callable[[Any, Context], Awaitable[None]], request_type: Any, keys: KeyRing
) -> grpc.RpcMethodHandler[Any, Any]:
    """The method handler of a response stream. `function` writes bytes to the context, ready for the wire."""

    async def handle(request: Any, context: Context) -> None:
        try:
            authenticated(context, keys)
            await function(request, context)
        except MomentoError as error:
            await refuse(context, error)

    return grpc.unary_stream_rpc_method_handler(handle, request_deserializer=request_type.FromString)


class UnknownMethods(grpc.GenericRpcHandler):
    """Answers every method that no other handler has with UNIMPLEMENTED, naming the method."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler that refuses; the shape of the request does not matter, it is not read."""

        async def handle(_: Any, context: Context) -> None:
            await refuse(context, NotImplementedHere(f"{details.method} is not part of the sandbox"))

        return grpc.unary_unary_rpc_method_handler(handle)
