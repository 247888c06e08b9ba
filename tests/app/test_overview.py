"""The page Overview: what needs attention, and that it stops saying so when it is over."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.names import CACHE_PUT, QUEUE, pipe
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.screen import metrics, navigation, open_page, ran, words
from tests.support.wire import dead_letter

CALM = "Nothing beside the pipes"


def until_it_says(page: AppTest, text: str) -> str:
    """What the page says once it says that, run again and again as its timer would."""

    def said() -> str:
        found = words(ran(page))
        return found if text in found else ""

    return str(wait_until(said, what=f"the words {text!r}"))


@pytest.mark.usefixtures("own_target")
def test_a_pipeline_in_order_is_said_to_be_so() -> None:
    page = open_page("overview")

    assert [box.value for box in page.success][0].startswith(CALM)
    picture = words(page)
    assert "Every pipe" in picture
    for box in ("DynamoDB table", "Stream", "cache-put", "topic-publish", "cache-delete", "Momento cache"):
        assert f"<b>{box}</b>" in picture
    assert metrics(page)["Dead letters"] == "0"


def test_messages_in_the_dead_letter_queue_are_counted(own_aws: AwsClients) -> None:
    sqs = own_aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody=dead_letter(pipe(CACHE_PUT)))

    page = open_page("overview")

    assert "2 messages wait in the dead-letter queue" in [box.value for box in page.warning]
    assert CALM not in words(page)
    assert metrics(page)["Dead letters"] == "2"
    assert "2 dead letters" in words(page.sidebar)
    sqs.purge_queue(QueueUrl=url)


def test_a_stopped_pipe_is_a_problem_until_it_runs_again(own_aws: AwsClients) -> None:
    pipes = own_aws.client("pipes")
    pipes.stop_pipe(Name=pipe(CACHE_PUT))
    page = open_page("overview")
    try:
        until_it_says(page, "cache-put is stopped: It is stopped.")
        assert "■ STOPPED" in page.header[0].value
        assert "Pipes: 2 of 3 running" in words(page.sidebar)
    finally:
        pipes.start_pipe(Name=pipe(CACHE_PUT))
    until_it_says(page, "Every pipe")


def test_a_momento_that_refuses_connections_is_a_problem_until_it_is_back(own_target: SandboxState) -> None:
    admin = SandboxAdmin(own_target.admin_url, own_target.admin_token)
    page = open_page("overview")
    admin.stop_momento()
    try:
        until_it_says(page, "The topic subscription is reconnecting")
        until_it_says(page, "A part of the pipeline cannot be read")
        wait_until(lambda: "Momento: not usable" in words(ran(page).sidebar), what="the sidebar to say so")
        assert metrics(page)["Dead letters"] == "0"
    finally:
        admin.start_momento()
    until_it_says(page, CALM)


@pytest.mark.usefixtures("own_target")
def test_the_overview_is_the_first_page() -> None:
    assert [title.value for title in ran(navigation()).title] == ["Overview"]
