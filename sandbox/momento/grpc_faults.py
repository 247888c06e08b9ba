"""Faults of Momento's gRPC calls. They strike calls with a known key only, as the faults of the HTTP API do.

A fault of Subscribe strikes new subscriptions only; what ends those that are open is to block the port.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc

from sandbox.faults.board import FaultBoard
from sandbox.faults.fault import Fail, Fault
from sandbox.faults.targets import Wire
from sandbox.momento.rpc import STRANGER, Context


class FaultyHandlers(grpc.GenericRpcHandler):
    """All handlers of a server as one, with the board asked once for each call."""

    def __init__(self, handlers: Sequence[grpc.GenericRpcHandler], faults: FaultBoard) -> None:
        self._handlers = tuple(handlers)
        self._faults = faults

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of the first that has one; under a fault, one that suffers it first."""
        found = (handler.service(details) for handler in self._handlers)
        handler = next((each for each in found if each is not None), None)
        if handler is None or handler is STRANGER:
            return handler
        fault = self._faults.hit(Wire.GRPC, details.method.rpartition("/")[2])
        return handler if fault is None else _under(fault, handler)


def _under(fault: Fault, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
    if handler.request_streaming:
        carry_out, make = handler.stream_stream, grpc.stream_stream_rpc_method_handler
    elif handler.response_streaming:
        carry_out, make = handler.unary_stream, grpc.unary_stream_rpc_method_handler
    else:
        carry_out, make = handler.unary_unary, grpc.unary_unary_rpc_method_handler

    async def handle(request: Any, context: Context) -> Any:
        await _suffer(fault, context)
        return await carry_out(request, context)

    return make(handle, handler.request_deserializer, handler.response_serializer)


async def _suffer(fault: Fault, context: Context) -> None:
    await asyncio.sleep(fault.delay_ms / 1000)
    if fault.fail is Fail.TIMEOUT:
        # Nobody sets it: the call ends by its client's deadline, or with the server.
        await asyncio.Event().wait()
    if fault.code is not None:
        await context.abort(grpc.StatusCode[fault.code], "A fault is switched on in the sandbox")
