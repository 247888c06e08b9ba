"""Every page, with a pipeline that nothing has been through yet and with one that is full of all sorts of things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.stack import RunningSandbox, running_sandbox
from core.aws import Aws
from core.names import QUEUE, TABLE
from sandbox.state import SandboxState
from services.audit.log import Audit
from tests.conftest import AwsClients
from tests.support.running_pipeline import aws_access
from tests.support.screen import PAGES, open_page, words
from tests.support.wire import dead_letter, item, publish

EMPTY = {
    "overview": "Nothing beside the pipes: the topic is live, and the queue is empty.",
    "weather": "There are none yet.",
    "lookup": "Choose a record.",
    # The rest is the board's, which only a browser draws.
    "live_topic": "No event is known to be missing.",
    "pipes": "No failure in the last five minutes",
    "logs": "0 of 0 executions match.",
    "dead_letters": "The queue is empty.",
    "checks": "1. Each pipe exists and runs",
    "stack": "13 of 13 resources are there",
    "audit": "No act in this window.",
    "sandbox": "No traffic yet.",
}
FULL = {
    "overview": "messages wait in the dead-letter queue",
    "weather": "Records in the table",
    "lookup": "Choose a record.",
    "live_topic": "Take the events away",
    "pipes": "Written = delivered + dead-lettered + filtered + in flight + difference",
    "logs": "Select a row to see the execution.",
    "dead_letters": "Select one row to read it, or several to act on them.",
    "checks": "10 findings",
    "stack": "python -m provision plan",
    "audit": "Select a row to see what the act was about.",
    "sandbox": "Written = delivered + dead-lettered + filtered + in flight + dropped",
}


@pytest.fixture(scope="module")
def full_stack(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[None]:
    """Records, odd events and dead letters in the run's sandbox, which has them before any page is opened."""
    for number in range(30):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(f"Town {number}", MaxTemp=str(60 + number)))
    aws.client("dynamodb").put_item(TableName=TABLE, Item={"Location": {"S": "Odd"}, "Photo": {"B": b"\x00\xff"}})
    publish(sandbox_stack, "not JSON", '{"EventType": "INSERT"}', "[1, 2]", '{"Location": null, "MaxTemp": "hot"}')
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for body in (dead_letter("weather-stats-demo-cache-put-pipe"), "someone else's message"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    clients = Aws(aws_access(sandbox_stack))
    Audit(clients).begin("Repair dead letters", "**ann**", "drill", [{"message": "m-1"}])
    clients.close()
    yield
    sqs.purge_queue(QueueUrl=url)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, no_real_account: None) -> Iterator[RunningSandbox]:
    """A sandbox that no other test has used."""
    with running_sandbox(tmp_path_factory.mktemp("unused-sandbox")) as running:
        yield running


@pytest.mark.parametrize("script", PAGES)
def test_a_page_of_an_unused_pipeline_says_what_there_is_not_and_which_pipeline_it_is(
    own_target: SandboxState, script: str
) -> None:
    page = open_page(script)

    assert [title.value for title in page.title] == [PAGES[script]]
    assert EMPTY[script] in words(page)
    assert not page.error
    sidebar = words(page.sidebar)
    assert "Target: sandbox" in sidebar
    assert "AWS us-west-2: connected" in sidebar
    assert "Pipes: 3 of 3 running" in sidebar
    assert "Momento: connected" in sidebar
    assert own_target.aws_endpoint in sidebar
    assert own_target.momento_http_endpoint in sidebar
    assert own_target.momento_api_key not in sidebar


@pytest.mark.parametrize("script", PAGES)
def test_a_page_of_a_pipeline_full_of_odd_things_shows_them(
    full_stack: None, sandbox_target: SandboxState, script: str
) -> None:
    page = open_page(script)

    assert [title.value for title in page.title] == [PAGES[script]]
    assert FULL[script] in words(page)
    assert "Failed" not in [box.value for box in page.error]
