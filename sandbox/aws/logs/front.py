"""An ASGI app that answers FilterLogEvents itself and hands every other call to the emulator."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.aws.json_http import header, read_json, region_of, send_error, send_json
from sandbox.aws.logs.api import LogsError, filter_log_events


class LogsFront:
    """Stands before the emulator, for calls over the wire and calls inside the process alike."""

    def __init__(self, emulator: ASGIApp, account_id: str) -> None:
        self._emulator = emulator
        self._account_id = account_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or header(scope, b"x-amz-target") != b"Logs_20140328.FilterLogEvents":
            await self._emulator(scope, receive, send)
            return
        try:
            arguments = await read_json(receive)
            answer = filter_log_events(self._account_id, region_of(scope), arguments)
        except LogsError as error:
            await send_error(send, error.code, str(error))
        except ValueError as error:
            await send_error(send, "SerializationException", str(error))
        else:
            await send_json(send, 200, answer)
