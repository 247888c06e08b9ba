"""The sandbox's Momento on a loop and thread of its own, for tests whose clients block.

And a bare gRPC server for answers that the sandbox never gives, but that a client must survive.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from core.momento_keys import MomentoAddress, for_sandbox
from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService


class RunningMomento:
    """A Momento that can be stopped, started and ended from the test's thread."""

    def __init__(self) -> None:
        self.keys = KeyRing.mint("127.0.0.1")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-momento")
        self._thread.start()
        self.service = MomentoService(self.keys)
        self.run(self.service.start())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run on Momento's loop and wait for the end."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def address(self, token: str | None = None) -> MomentoAddress:
        return for_sandbox(
            self.service.host, self.service.grpc_port, self.service.http_endpoint, token or self.keys.v2_key
        )

    def stop_listening(self) -> None:
        self.run(self.service.stop_listening())

    def start_listening(self) -> None:
        self.run(self.service.start_listening())

    def die_and_start_anew(self) -> None:
        """As after a kill: the same ports and keys, and nothing of what was in its memory.

        A new process would come up in another second, which the pages of its topics are named after.
        """
        dead = self.service
        self.run(dead.close())
        died = int(time.time())
        while int(time.time()) == died:
            time.sleep(0.01)
        self.service = MomentoService(self.keys, grpc_port=dead.grpc_port, http_port=dead.http_port)
        self.run(self.service.start())

    def end(self) -> None:
        self.run(self.service.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def odd_momento(service: str, method: str, behave: Callable[..., Any]) -> Iterator[MomentoAddress]:
    """A server whose only streaming method is `behave(request, context)`; messages are raw bytes."""
    handler = grpc.unary_stream_rpc_method_handler(behave)
    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield for_sandbox("127.0.0.1", port, "http://127.0.0.1", "secret-token")
    finally:
        server.stop(None).wait()
        pool.shutdown()
