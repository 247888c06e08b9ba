"""What comes back with status 200 and is no answer of AWS is a failed call, never an empty table or queue."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.acknowledged import NotAcknowledged
from core.aws import Aws
from core.config import AwsAccess
from core.errors import ServiceFailed
from services.dead_letters.queue import DeadLetterQueue
from services.logs.tail import LogTail
from services.pipes import describe
from services.weather.paging import RecordPages
from services.weather.table import WeatherTable


class Portal(http.server.BaseHTTPRequestHandler):
    """Answers every request with status 200 and `body`, as a captive portal does."""

    body = b""
    headers_of_aws = False

    def do_POST(self) -> None:
        """Answers."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        if self.headers_of_aws:
            self.send_header("x-amzn-RequestId", "1")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(
    scope="module", params=[(b"<html>Sign in</html>", False), (b"{}", False), (b"{}", True)], ids=["html", "{}", "id"]
)
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    """Clients whose endpoint is a portal: HTML, `{}`, or `{}` with a request id."""
    answer = type("Answer", (Portal,), {"body": request.param[0], "headers_of_aws": request.param[1]})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Aws(
            AwsAccess(
                "us-west-2",
                access_key_id="key",
                secret_access_key="secret",
                endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
            )
        )
        yield made
        made.close()
        server.shutdown()


READS: dict[str, Callable[[Aws], object]] = {
    "pipes": describe.describe,
    "depth": lambda aws: DeadLetterQueue(aws).depth(),
    "records": lambda aws: WeatherTable(aws).page(),
    "one record": lambda aws: WeatherTable(aws).get("Oslo"),
    "several records": lambda aws: RecordPages(aws).of(["Oslo"]),
    "count": lambda aws: RecordPages(aws).count(),
    "log": lambda aws: LogTail(aws).refresh(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_that_got_no_answer_of_aws_has_failed(aws: Aws, read: Callable[[Aws], object]) -> None:
    with pytest.raises(ServiceFailed, match="something that is not an answer"):
        read(aws)


def test_a_write_that_got_no_answer_of_aws_is_neither_done_nor_failed(aws: Aws) -> None:
    with pytest.raises(NotAcknowledged, match="not known whether it was done"):
        WeatherTable(aws).delete("Oslo")
