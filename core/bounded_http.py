"""uvicorn's HTTP/1.1 connection with bounds on what a client may send and hold, known or not.

    connected ─ HEAD: request line and headers, `head_bytes` at most and within `head_s`
              ─ BODY: to its end within `body_s`; how many bytes is the app's to decide
              ─ ANSWER: the app has the whole request and takes its time

Whoever leaves a bound gets 431 or 408 and is disconnected, and 503 when `connections` are open already. An app that
answers before it has read the body ends the connection with that answer, so an endless body is never read to its end.
What stands around a body, chunk sizes and trailers, may be `head_bytes` more than the body. A request whose target is
not a path of this port gets 400: it was meant for a proxy.
What such a client still sends is passed over for a moment: closed at once, it would get a reset instead of the answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

#: Seconds for which a refused client's bytes are read and thrown away.
_PASS_OVER_S = 1.0


@dataclass(frozen=True)
class Bounds:
    """What one port allows: open connections, bytes of a request's head, and seconds for its head and its body."""

    connections: int
    head_bytes: int = 32_768
    head_s: float = 10.0
    body_s: float = 30.0


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    ENDED = auto()


class BoundedConnection(HttpToolsProtocol):
    """A connection within `bounds`, which a subclass sets, as it may set how a refusal reads."""

    bounds: ClassVar[Bounds]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._phase = _Phase.HEAD
        #: Bytes of this request that are no body, and those that are.
        self._around = 0
        self._body = 0
        self._alarm: asyncio.TimerHandle | None = None

    def refusal(self, status: int, words: str) -> tuple[str, bytes]:
        """The media type and the body of an answer that no app gives."""
        return "text/plain; charset=utf-8", f"{status}: {words}".encode()

    def refuse(self, status: int, words: str) -> None:
        """Answer in place of the app and end; a client that has half of an answer already is cut off."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._cut_off()
                return
        media_type, body = self.refusal(status, words)
        head = f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self._end()

    def close_after_answer(self) -> None:
        """What the app's answer calls when it says `connection: close`."""
        if self._phase is _Phase.BODY:
            self._end()
        else:
            self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self.refuse(503, f"{self.bounds.connections:,} connections are open already.")
        else:
            self._set_alarm(self.bounds.head_s, "The request's headers took too long.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = _Phase.ENDED
        self._stop_alarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase is _Phase.ENDED:
            return
        self._around += len(data)
        super().data_received(data)
        if self._phase is not _Phase.HEAD and self._phase is not _Phase.BODY:
            return
        if self._around > self.bounds.head_bytes + self._body:
            self._refuse_head()
        elif self._alarm is None:
            self._await_more()

    def on_message_begin(self) -> None:
        self._phase = _Phase.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._around = 0
        if not self.url.startswith(b"/") and self.url != b"*":
            self.refuse(400, "The target of a request is a path.")
        elif len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.bounds.head_bytes:
            self._refuse_head()
        if self._phase is _Phase.ENDED:
            # The parser stops, and its error is not answered again.
            raise ConnectionAbortedError
        self._phase = _Phase.BODY
        self._stop_alarm()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.scope is self.scope:
            self.cycle.transport = _ClosesLate(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._around -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._around = self._body = 0
        if self._phase is _Phase.BODY:
            self._phase = _Phase.ANSWER
            self._stop_alarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase is _Phase.BODY and self.cycle.response_complete:
            self._end()
        elif self._phase is _Phase.ANSWER:
            self._phase = _Phase.HEAD

    def handle_websocket_upgrade(self) -> None:
        self._stop_alarm()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for a request that is not HTTP; also after the parser was stopped by a refusal."""
        if self._phase is not _Phase.ENDED:
            self.refuse(400, msg)

    def _await_more(self) -> None:
        """A request that has come in part is waited for; most come whole, and need no alarm."""
        if self._phase is _Phase.BODY:
            self._set_alarm(self.bounds.body_s, "The request's body took too long.")
        elif self._around:
            self._set_alarm(self.bounds.head_s, "The request's headers took too long.")

    def _refuse_head(self) -> None:
        self.refuse(431, f"The request's headers are over {self.bounds.head_bytes:,} bytes.")

    def _end(self) -> None:
        self._phase = _Phase.ENDED
        self._stop_alarm()
        self._unset_keepalive_if_required()
        # Reading may be paused, and the client's end would not be seen.
        self.flow.resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self._alarm = self.loop.call_later(_PASS_OVER_S, self._cut_off)

    def _cut_off(self) -> None:
        self._phase = _Phase.ENDED
        self.transport.abort()

    def _set_alarm(self, seconds: float, words: str) -> None:
        self._stop_alarm()
        self._alarm = self.loop.call_later(seconds, self.refuse, 408, words)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class _ClosesLate:
    """The transport as an answer sees it: its `close` waits for the client to have read the answer."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        self._connection.close_after_answer()
