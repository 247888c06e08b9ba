"""An ASGI app that lets every call through to the emulator and measures those of DynamoDB, its streams and SQS."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.aws.json_http import header, region_of
from sandbox.aws.usage.dynamodb import Call, StreamReads, table_values
from sandbox.aws.usage.sqs import queue_values
from sandbox.aws.usage.usage import Usage


class UsageFront:
    """Stands before the emulator, for calls over the wire and calls inside the process alike."""

    def __init__(self, emulator: ASGIApp, usage: Usage) -> None:
        self._emulator = emulator
        self._usage = usage
        self._measures = {
            "DynamoDB_20120810": table_values,
            "DynamoDBStreams_20120810": StreamReads().values,
            "AmazonSQS": queue_values,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._emulator(scope, receive, send)
            return
        service, _, operation = header(scope, b"x-amz-target").decode("latin-1").partition(".")
        measure = self._measures.get(service)
        if measure is None:
            await self._emulator(scope, receive, send)
            return
        wire = _Wire(receive, send)
        began = time.perf_counter()
        await self._emulator(scope, wire.receive, wire.send)
        latency_ms = (time.perf_counter() - began) * 1000
        request, answer = bytes(wire.request), bytes(wire.answer)
        call = Call(operation, region_of(scope), request, wire.status, answer, latency_ms)
        self._usage.add(measure(call))


class _Wire:
    """Keeps what goes by."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.request = bytearray()
        self.status = 0
        self.answer = bytearray()

    async def receive(self) -> Message:
        message = await self._receive()
        self.request += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.answer += message.get("body", b"")
        await self._send(message)
