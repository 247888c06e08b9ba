"""What a viewer sees of a pipeline in trouble, while they look at it, and when it is over."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.names import QUEUE, TABLE
from sandbox.state import SandboxState
from services.app.fault_switches import SWITCHES
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients
from tests.support.viewer import cell, expect_no_failure, main, open_page, select_letter
from tests.support.wire import item

#: How long a page may take to say so: its own refresh, and a subscription's back-off before it tries again (ms).
PATIENCE_MS = 40_000


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of the run's sandbox; no fault is on and the queue is empty afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.clear_faults()
    admin.start_momento()
    sqs = aws.client("sqs")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])


def test_a_stopped_momento_is_said_and_so_is_its_return(
    page: Page, dashboard_url: str, admin: SandboxAdmin, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "")
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("Topic: live")).to_be_visible(timeout=PATIENCE_MS)

    admin.stop_momento()
    expect(main(page).get_by_text("The topic subscription is reconnecting")).to_be_visible(timeout=PATIENCE_MS)
    expect(sidebar.get_by_text("Momento: not usable")).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_text("Dead letters", exact=True)).to_be_visible()

    admin.start_momento()
    expect(sidebar.get_by_text("Topic: live")).to_be_visible(timeout=PATIENCE_MS)
    expect(sidebar.get_by_text("Momento: connected")).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_text("The topic subscription is reconnecting")).to_have_count(0)
    expect_no_failure(page, console_errors)


def test_a_record_that_momento_answers_500_to_becomes_a_dead_letter_on_the_page(
    page: Page, dashboard_url: str, admin: SandboxAdmin, aws: AwsClients, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "dead-letters")

    town = f"Town {uuid.uuid4().hex[:8]}"
    admin.fail_momento(500, None)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town))

    expect(cell(page, town).first).to_have_count(1, timeout=PATIENCE_MS)
    select_letter(page, 0)
    expect(main(page).get_by_text("Condition: RetryAttemptsExhausted")).to_be_visible()
    expect_no_failure(page, console_errors)


def test_a_fault_is_switched_on_counted_and_ended_on_the_page_and_the_ledger_balances(
    page: Page, dashboard_url: str, admin: SandboxAdmin, aws: AwsClients, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "sandbox")
    expect(main(page).get_by_text("Balanced")).to_be_visible(timeout=PATIENCE_MS)

    switch = page.locator(".st-key-fault_" + re.sub(r"[^a-zA-Z0-9_-]", "-", SWITCHES[1].name)).get_by_role("button")
    switch.click()
    expect(switch).to_have_text("End", timeout=PATIENCE_MS)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(f"Town {uuid.uuid4().hex[:8]}"))
    expect(main(page).get_by_text("Fired 2 times")).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("button", name="End all faults").click()
    expect(switch).to_have_text("Switch on", timeout=PATIENCE_MS)
    expect(main(page).get_by_text("Balanced", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    assert admin.faults()["on"] == []
    expect_no_failure(page, console_errors)
