"""Text from outside that tries to be more than text: in a record, an event, a dead letter, an error and a log line.

Wherever it is shown it is shown as it came: no element is made of it, nothing runs, and nothing is fetched for it.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Dialog, Page, Request, expect

from core.names import CACHE_PUT, QUEUE, TABLE, log_group, pipe
from sandbox.state import SandboxState
from tests.conftest import AwsClients
from tests.support.viewer import (
    badge,
    cell,
    enter,
    expect_no_failure,
    go_to,
    look_up,
    main,
    open_page,
    pick,
    select_letter,
)
from tests.support.wire import dead_letter, publish

ELSEWHERE = "elsewhere.invalid"
IMAGE = f"![pixel](http://{ELSEWHERE}/pixel.png)"
HOSTILE = (
    f"{IMAGE} [sign in](http://{ELSEWHERE}) <img src=x onerror=alert(1)> "
    f"<script>alert(2)</script> <b id='planted'>bold</b> :material/bug_report: **stars**"
)
#: As a location: no quotation mark, at most 128 characters, and the first of its kind in the alphabet.
TOWN = f"!{IMAGE} <img src=x onerror=alert(3)> **stars**"


@pytest.fixture
def planted(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[None]:
    """The hostile text everywhere that somebody outside can put it; the record is entered by the test."""
    sqs, dynamodb = aws.client("sqs"), aws.client("dynamodb")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    for body in (HOSTILE, dead_letter(HOSTILE, condition=HOSTILE)):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    # Often enough to be among the causes that the page Pipes names, whatever failed before.
    for _ in range(30):
        log_a_failure(aws, log_group(sandbox_stack.region))
    yield
    dynamodb.delete_item(TableName=TABLE, Key={"Location": {"S": TOWN}})
    sqs.purge_queue(QueueUrl=url)


def log_a_failure(aws: AwsClients, group: str) -> None:
    """A record in the pipes' log group that says with the hostile text why an execution failed."""
    now_ms, name = int(time.time() * 1000), f"hostile-{uuid.uuid4().hex}"
    record = {
        "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe(CACHE_PUT)}",
        "timestamp": now_ms,
        "executionId": name,
        "messageType": "ExecutionFailed",
        "logLevel": "ERROR",
        "error": {"message": HOSTILE, "httpStatusCode": 500},
    }
    logs = aws.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    events = [{"timestamp": now_ms, "message": json.dumps(record)}]
    logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=events)


#: A part of it without numbers, which the page Pipes leaves out of causes.
MARKUP = f"[sign in](http://{ELSEWHERE})"


class Watch:
    """What a page did that text must not make it do."""

    def __init__(self, page: Page, url: str) -> None:
        self._own = urlsplit(url).netloc
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        page.on("request", self._request)
        page.on("dialog", self._dialog)

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self._own:
            self.requests.append(request.url)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def expect_nothing_planted(page: Page) -> None:
    """No element on the page was made by the hostile text."""
    for selector in (f"[src*='{ELSEWHERE}']", f"[href*='{ELSEWHERE}']", "img[src=x]", "#planted", "[onerror]"):
        expect(page.locator(selector)).to_have_count(0)
    expect(main(page).locator("strong", has_text="stars")).to_have_count(0)


@pytest.mark.usefixtures("planted")
def test_hostile_text_is_text_on_every_page(
    page: Page, dashboard_url: str, console_errors: list[str], sandbox_stack: SandboxState
) -> None:
    watch = Watch(page, dashboard_url)
    open_page(page, dashboard_url, "")
    # A subscription that has only begun is given no message but the topic's last one.
    expect(page.get_by_test_id("stSidebar").get_by_text("Topic: live")).to_be_visible(timeout=20_000)
    publish(sandbox_stack, HOSTILE, json.dumps({"EventType": "INSERT", "Location": HOSTILE, "MaxTemp": HOSTILE}))
    expect(main(page).get_by_test_id("stText").filter(has_text=HOSTILE).first).to_be_visible(timeout=20_000)
    expect_nothing_planted(page)

    go_to(page, "Weather")
    enter(page, TOWN, "70", "50", "10", "3600")
    expect(page.locator(".st-key-propagation")).to_contain_text(f"Inserted: {TOWN}")
    expect(cell(page, TOWN)).to_have_count(1)
    pick(page, "Record to delete", TOWN)
    page.get_by_role("button", name="Delete record").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(TOWN, exact=True)).to_be_visible()
    expect_nothing_planted(page)
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)

    go_to(page, "Lookup")
    look_up(page, TOWN)
    expect(main(page).get_by_text(f"Location: {TOWN}")).to_be_visible()
    expect(badge(page, "HIT")).to_be_visible()
    expect_nothing_planted(page)

    go_to(page, "Live topic")
    events = page.locator("section.board .events tbody tr")
    expect(events.filter(has_text=TOWN).first).to_be_visible()
    expect(page.locator("section.board :is(img, a)")).to_have_count(0)
    expect_nothing_planted(page)
    events.filter(has_text="not JSON").first.get_by_role("button").click()
    expect(main(page).get_by_test_id("stCode").filter(has_text=HOSTILE)).to_be_visible()
    expect_nothing_planted(page)
    page.goto(f"{page.url.partition('?')[0]}?push=false")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(cell(page, TOWN).first).to_be_attached()
    expect_nothing_planted(page)

    go_to(page, "Pipes")
    expect(main(page).get_by_test_id("stText").filter(has_text=MARKUP).first).to_be_visible(timeout=20_000)
    expect_nothing_planted(page)

    go_to(page, "Logs")
    expect(cell(page, TOWN).first).to_have_count(1)
    expect_nothing_planted(page)
    for view in ("Errors", "Raw records"):
        main(page).get_by_text(view, exact=True).click()
        expect(page.get_by_text("Select a row to see its execution")).to_be_visible()
        expect_nothing_planted(page)
    page.get_by_role("textbox", name="Text").fill("onerror=alert(1)")
    page.get_by_role("textbox", name="Text").press("Enter")
    expect(main(page).get_by_text(re.compile("^30 of "))).to_be_visible(timeout=20_000)
    page.get_by_test_id("stDataFrame").first.click(position={"x": 15, "y": 52})
    opened = page.get_by_role("dialog")
    expect(opened.get_by_test_id("stCode").filter(has_text=HOSTILE).first).to_be_visible(timeout=20_000)
    expect_nothing_planted(page)
    opened.get_by_role("button", name="Close").click()
    expect(opened).to_have_count(0)

    go_to(page, "Dead letters")
    for row, element, shown in ((0, "stCode", HOSTILE), (1, "stText", f"Condition: {HOSTILE}")):
        select_letter(page, row)
        expect(main(page).get_by_test_id(element).filter(has_text=shown)).to_be_visible()
        expect_nothing_planted(page)
        select_letter(page, row)
        expect(main(page).get_by_text("The selected message")).to_have_count(0)

    go_to(page, "Sandbox")
    expect_nothing_planted(page)
    assert watch.requests == []
    assert watch.dialogs == []
    expect_no_failure(page, console_errors)


def test_the_watch_sees_what_a_page_fetches_and_says(page: Page, dashboard_url: str) -> None:
    """That the test above can fail."""
    watch = Watch(page, dashboard_url)
    page.set_content(f"<img src='http://{ELSEWHERE}/pixel.png'><script>alert(4)</script>")

    assert watch.requests == [f"http://{ELSEWHERE}/pixel.png"]
    assert watch.dialogs == ["4"]


def test_a_hostile_entry_is_refused_in_plain_text(page: Page, dashboard_url: str, console_errors: list[str]) -> None:
    watch = Watch(page, dashboard_url)
    open_page(page, dashboard_url, "weather")

    page.get_by_role("textbox", name="Location").fill(HOSTILE)
    page.get_by_role("button", name="Save record").click()

    expect(page.locator(".st-key-problem_Location")).to_contain_text("At most 128 are allowed.")
    expect_nothing_planted(page)
    assert watch.requests == []
    expect_no_failure(page, console_errors)
