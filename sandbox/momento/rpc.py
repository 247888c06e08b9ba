"""What every RPC has in common: the key is checked first, a refusal becomes a gRPC status, unknown methods are named.

Handlers are plain functions of a request and the call's metadata; nothing here or in them waits, so each unary
call is answered within one turn of the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
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


def unary(function: Unary, request_type: Any) -> grpc.RpcMethodHandler[Any, Any]:
    """The method handler that serves `function`."""

    async def handle(request: Any, context: Context) -> Any:
        try:
            pairs: Any = context.invocation_metadata()
            return function(request, dict(pairs))
        except MomentoError as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=request_type.FromString, response_serializer=_serialize
    )


def stream(function: Callable[[Any, Context], Awaitable[None]], request_type: Any) -> grpc.RpcMethodHandler[Any, Any]:
    """The method handler of a response stream. `function` writes bytes to the context, ready for the wire."""

    async def handle(request: Any, context: Context) -> None:
        try:
            await function(request, context)
        except MomentoError as error:
            await refuse(context, error)

    return grpc.unary_stream_rpc_method_handler(handle, request_deserializer=request_type.FromString)


async def _refuse_a_stranger(_: Any, context: Context) -> None:
    await refuse(context, NotAuthenticated("Invalid authentication credentials to connect to the cache service"))


#: Answers a call without a valid key. As a handler of streams it reads no message of the call, however long that is.
STRANGER: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(_refuse_a_stranger)


class ForKnownCallers(grpc.GenericRpcHandler):
    """Handlers as one, open to callers with a valid key, raw and without a scheme; for all others it is STRANGER."""

    def __init__(self, handlers: Sequence[grpc.GenericRpcHandler], keys: KeyRing) -> None:
        self._handlers = tuple(handlers)
        self._keys = keys

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of the first that has one, or STRANGER; None when there is no such method."""
        found = (handler.service(details) for handler in self._handlers)
        handler = next((each for each in found if each is not None), None)
        if handler is None:
            return None
        given = [value for name, value in details.invocation_metadata or () if name == "authorization"]
        return handler if len(given) == 1 and self._keys.check(str(given[0])) else STRANGER


class UnknownMethods(grpc.GenericRpcHandler):
    """Answers every method that no other handler has with UNIMPLEMENTED, naming the method."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler that refuses; the shape of the request does not matter, it is not read."""

        async def handle(_: Any, context: Context) -> None:
            await refuse(context, NotImplementedHere(f"{details.method} is not part of the sandbox"))

        return grpc.stream_stream_rpc_method_handler(handle)
