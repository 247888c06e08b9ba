"""AWS answers nonsense with status 200 for a while: nothing is said that is not so, and all comes back by itself."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.errors import DashboardError
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.topic.subscription_state import FeedState
from services.weather.table import WeatherRecord
from tests.conftest import wait_until
from tests.support.running_pipeline import a_location, a_record, aws_access, momento_address


class Portal(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the sandbox, or answers each with `nonsense`, as a captive portal does."""

    protocol_version = "HTTP/1.1"
    sandbox = ""
    nonsense: bytes | None = None

    def do_POST(self) -> None:
        """Answers one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, answer = self._passed_on(body) if self.nonsense is None else (200, [], self.nonsense)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_DELETE = do_POST

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        # Host is signed, and stays the one that the client wrote.
        wire = http.client.HTTPConnection(self.sandbox, timeout=20)
        try:
            wire.request(self.command, self.path, body, dict(self.headers.items()))
            answer = wire.getresponse()
            left_out = ("content-length", "transfer-encoding", "connection", "date")
            return answer.status, [(n, v) for n, v in answer.getheaders() if n.lower() not in left_out], answer.read()
        finally:
            wire.close()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def behind_a_portal(state: SandboxState) -> Iterator[tuple[Pipeline, type[Portal]]]:
    """A pipeline whose AWS calls go through a portal."""
    portal = type("OnePortal", (Portal,), {"sandbox": urlsplit(state.aws_endpoint).netloc})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), portal) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        access = replace(aws_access(state), endpoint_url=f"http://127.0.0.1:{server.server_address[1]}")
        pipeline = Pipeline(access, momento_address(state))
        try:
            wait_until(lambda: pipeline.feed.status().state is FeedState.LIVE, what="the subscription")
            yield pipeline, portal
        finally:
            pipeline.close()
            server.shutdown()


def refused(pipeline: Pipeline) -> bool:
    """Whether each of the shared readings says that it cannot be read, and none gives a value."""
    for reading in (pipeline.depth, pipeline.pipes, pipeline.records, pipeline.log):
        try:
            reading.get()
        except DashboardError:
            continue
        return False
    return True


def test_nonsense_for_a_while_ends_no_loop_and_leaves_no_false_number(sandbox_stack: SandboxState) -> None:
    with behind_a_portal(sandbox_stack) as (pipeline, portal):
        before: WeatherRecord = a_record(a_location())
        pipeline.table.put(before)
        wait_until(lambda: pipeline.feed.version > 0, what="the event of the first record")
        depth = pipeline.depth.get().value

        for nonsense in (b"<html>Sign in to the network</html>", b"{}"):
            portal.nonsense = nonsense
            wait_until(lambda: refused(pipeline), 60, "every reading to be refused")
            wait_until(lambda: all(loop.problem for loop in pipeline.loops), 60, "each loop to say what is wrong")
            with pytest.raises(DashboardError, match="not known"):
                pipeline.table.put(before)
            # The last value is still there, with what keeps it from being read anew.
            assert pipeline.depth.last().value == depth
            assert pipeline.depth.last().error is not None

            portal.nonsense = None
            wait_until(lambda: not any(loop.problem for loop in pipeline.loops), 60, "each loop to go on")
            after = a_record(a_location())
            pipeline.table.put(after)
            wait_until(partial(_seen, pipeline, after.location), 60, "the record to be read")
            assert pipeline.depth.get().value == depth
            assert all(pipe.running for pipe in pipeline.pipes.get().value)


def _seen(pipeline: Pipeline, location: str) -> bool:
    try:
        # Not the first page alone: others may have filled the table.
        return bool(pipeline.record_pages.exact(location).items and pipeline.records.get().value.items)
    except DashboardError:
        return False
