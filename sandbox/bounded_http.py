"""uvicorn's HTTP/1.1 with bounds: on the size of what stands around a body, and on the time that headers may take.

uvicorn keeps what its parser gives it, however much that is, and waits for the end of the headers as long as it takes.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The most bytes of request line, headers, trailers and, with many tiny pieces of a body, their framing.
LARGEST_HEAD = 65_536
#: Seconds from the first byte of a request, or from the connection, to the end of its headers.
HEAD_WITHIN_S = 30.0


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection that sends too much around its bodies, that dawdles, or that takes this for a proxy."""

    _around = 0
    _body = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the clock: a connection that says nothing is closed, too."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what is not body, and parses."""
        self._around += len(data)
        super().data_received(data)
        # As much framing as body is an odd client and no harm.
        if self._around > LARGEST_HEAD + self._body and not self.transport.is_closing():
            self.send_400_response(f"More than {LARGEST_HEAD} bytes of headers.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._start_timer()

    def on_headers_complete(self) -> None:
        """Hands the request on, unless its target is an address of somewhere, as it is sent to proxies."""
        self._stop_timer()
        if self.url.startswith(b"/"):
            super().on_headers_complete()
        else:
            raise ValueError("the target of the request is not a path")

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._around -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next request is counted anew."""
        self._around = self._body = 0
        super().on_message_complete()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_WITHIN_S, self._dawdles)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _dawdles(self) -> None:
        self.transport.close()
