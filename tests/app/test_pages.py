"""Every page, with a pipeline that nothing has been through yet and with one that is full of all sorts of things."""

from __future__ import annotations

import pytest

from provision.names import QUEUE, TABLE
from sandbox.state import SandboxState
from tests.app.screen import PAGES, open_page, words
from tests.app.wire import dead_letter, item, publish
from tests.conftest import AwsClients

EMPTY = {
    "overview": "All pipes run, nothing failed lately, and the dead-letter queue is empty.",
    "weather": "There are none yet.",
    "lookup": "Cache hits: 0",
    "live_topic": "No event has arrived yet.",
    "pipes": "None in the last quarter of an hour.",
    "dead_letters": "The queue is empty.",
    "sandbox": "No traffic yet.",
}


@pytest.fixture(scope="module")
def full_stack(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    """Records, odd events and dead letters in the run's sandbox; each test sees them arrive or arrived."""
    for number in range(30):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(f"Town {number}", MaxTemp=str(60 + number)))
    aws.client("dynamodb").put_item(TableName=TABLE, Item={"Location": {"S": "Odd"}, "Photo": {"B": b"\x00\xff"}})
    publish(sandbox_stack, "not JSON", '{"EventType": "INSERT"}', "[1, 2]", '{"Location": null, "MaxTemp": "hot"}')
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for body in (dead_letter("weather-stats-demo-cache-put-pipe"), "someone else's message"):
        sqs.send_message(QueueUrl=url, MessageBody=body)


@pytest.fixture(scope="module", autouse=True)
def tidy(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    """Nothing of an earlier test waits in the queue."""
    sqs = aws.client("sqs")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])


@pytest.mark.parametrize("script", PAGES)
def test_a_page_of_an_unused_pipeline_says_what_there_is_not(own_target: SandboxState, script: str) -> None:
    page = open_page(script)

    assert [title.value for title in page.title] == [PAGES[script]]
    assert EMPTY[script] in words(page)
    assert not page.error


@pytest.mark.parametrize("script", PAGES)
def test_a_page_of_a_pipeline_full_of_odd_things_shows_them(
    full_stack: None, sandbox_target: SandboxState, script: str
) -> None:
    page = open_page(script)

    assert [title.value for title in page.title] == [PAGES[script]]
    assert EMPTY[script] not in words(page) or script in ("lookup", "sandbox")
    assert not [box for box in page.error if box.value == "Failed"]


@pytest.mark.parametrize("script", PAGES)
def test_the_sidebar_of_every_page_says_which_pipeline_this_is(own_target: SandboxState, script: str) -> None:
    sidebar = words(open_page(script).sidebar)

    assert "Target: sandbox" in sidebar
    assert "AWS us-west-2: connected" in sidebar
    assert "Pipes: 3 of 3 running" in sidebar
    assert "Momento: connected" in sidebar
    assert own_target.aws_endpoint in sidebar
    assert own_target.momento_http_endpoint in sidebar
    assert own_target.momento_api_key not in sidebar
