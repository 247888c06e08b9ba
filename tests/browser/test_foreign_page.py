"""A page of another port, in a real browser, against the sandbox's AWS and admin ports: nothing happens or is read.

The browser is on this machine and reaches the ports; the page tries images, forms, fetches with and without CORS, and
websockets, as the page of any site that a person visits could.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from core import names
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients

ATTACK = """async ([aws, admin, queue]) => {
  const changing = [
    `${aws}/?Action=PurgeQueue&QueueUrl=${encodeURIComponent(queue)}`,
    `${aws}/?Action=CreateTopic&Name=by-a-page`,
    `${aws}/?Action=CreateStack&StackName=by-a-page&TemplateBody=%7B%7D`,
    `${admin}/block`, `${admin}/momento/stop`, `${admin}/faults`,
  ];
  const read = [];
  const settled = (element) => new Promise((done) => { element.onload = element.onerror = done; });
  for (const url of [...changing, `${admin}/health`, `${admin}/ledger`]) {
    const image = new Image();
    const loaded = settled(image);
    image.src = url;
    await loaded;
    for (const options of [
      { mode: "no-cors", method: "POST", body: "{}" },
      { mode: "cors", method: "GET" },
      { mode: "cors", method: "POST", body: "{}", headers: { "Content-Type": "application/json" } },
      { mode: "cors", method: "POST", body: "Action=CreateTopic&Name=by-a-page",
        headers: { "X-Amz-Target": "AmazonSQS.PurgeQueue", Authorization: "Bearer made-up" } },
    ]) {
      try {
        const answer = await fetch(url, options);
        if (answer.type !== "opaque") read.push(`${options.method} ${url} ${answer.status}`);
      } catch (refused) { /* what the browser says when it may not read the answer */ }
    }
    const frame = document.createElement("iframe");
    frame.name = "target";
    document.body.append(frame);
    const form = document.createElement("form");
    form.method = "POST"; form.action = url; form.target = "target"; form.enctype = "text/plain";
    document.body.append(form);
    const posted = settled(frame);
    form.submit();
    await posted;
    frame.remove(); form.remove();
    await new Promise((done) => {
      const socket = new WebSocket(url.replace("http", "ws"));
      socket.onopen = () => { read.push(`socket ${url}`); done(); };
      socket.onerror = () => done();
    });
  }
  return read;
}"""


@pytest.fixture
def foreign_page() -> Iterator[str]:
    """The address of a page that is served on a port of its own."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "13")
            self.end_headers()
            self.wfile.write(b"<body></body>")

        def log_message(self, format: str, *args: object) -> None:
            """Prints nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_page_of_another_port_changes_nothing_and_reads_nothing(
    page: Page, sandbox_stack: SandboxState, aws: AwsClients, foreign_page: str
) -> None:
    sqs, admin = aws.client("sqs"), SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    queue = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="a dead letter")
    before = admin.aws_calls()
    page.goto(foreign_page)

    read = page.evaluate(ATTACK, [sandbox_stack.aws_endpoint, sandbox_stack.admin_url, queue])

    calls = admin.aws_calls()
    assert read == []
    # The run's own pages may read meanwhile; nothing of what the page has asked for was let in.
    assert not {call for call in calls if calls[call] > before.get(call, 0)} & {
        "sqs.PurgeQueue",
        "sns",
        "cloudformation",
    }
    status = admin.status()
    assert status["momento"]["listening"] is True
    assert status["faults"] == []
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "a dead letter"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert aws.client("sns").list_topics()["Topics"] == []
