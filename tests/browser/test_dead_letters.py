"""The story of a failure in a browser: it breaks, it is seen and understood, it is repaired, and that is proved."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.names import QUEUE, TABLE
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients
from tests.support.running_pipeline import quiet
from tests.support.viewer import (
    badge,
    cell,
    expect_no_failure,
    expect_title,
    go_to,
    look_up,
    main,
    open_page,
    select_letter,
)
from tests.support.wire import item

#: How long a page may take to show a failure with its cause, and a repair its end (ms).
PATIENCE_MS = 40_000


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of a sandbox at rest with an empty queue; no fault is on afterwards."""
    admin, sqs = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token), aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    quiet(admin, {})
    sqs.purge_queue(QueueUrl=url)
    yield admin
    admin.clear_faults()
    quiet(admin, {})
    sqs.purge_queue(QueueUrl=url)


def test_a_failure_is_seen_understood_repaired_and_proved(
    page: Page, dashboard_url: str, admin: SandboxAdmin, aws: AwsClients, console_errors: list[str]
) -> None:
    town, ticket = f"Town {uuid.uuid4().hex[:8]}", f"ticket {uuid.uuid4().hex[:6]}"
    open_page(page, dashboard_url, "dead-letters")
    expect(main(page).get_by_text("The queue is empty.")).to_be_visible(timeout=PATIENCE_MS)

    # It breaks, and the open page shows it with its cause.
    admin.fail_momento(500, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town))
    expect(cell(page, town).first).to_have_count(1, timeout=PATIENCE_MS)
    expect(main(page).get_by_text("2 arrivals since you opened the page")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_role("link", name="2 dead letters")).to_be_visible()
    select_letter(page, 0)
    expect(main(page).get_by_text("Failed in the target call. Found by sequence number.")).to_be_visible()
    expect(main(page).get_by_text(f"INSERT {town}")).to_be_visible()
    select_letter(page, 0)

    # It is repaired, all of it.
    page.get_by_role("button", name="Repair all 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 messages. 1 key: 1 to put, 0 to delete, 0 already right.", timeout=PATIENCE_MS)
    dialog.get_by_role("textbox", name="Reason").fill(ticket)
    dialog.get_by_role("button", name="Repair them").click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    expect(main(page).get_by_text("The last work")).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_text("The queue is empty.")).to_be_visible(timeout=PATIENCE_MS)

    # A reload still shows what was done, and the audit who did it.
    page.reload()
    expect(page.locator(".st-key-letters_work")).to_contain_text(f"Reason: {ticket}", timeout=PATIENCE_MS)
    go_to(page, "Audit")
    expect(cell(page, ticket)).to_have_count(1, timeout=PATIENCE_MS)
    go_to(page, "Lookup")
    look_up(page, town)
    expect(badge(page, "HIT")).to_be_visible()
    expect(main(page).get_by_text("The cache and the table agree.")).to_be_visible()
    expect_no_failure(page, console_errors)


def test_a_deletion_comes_after_a_download(
    page: Page, dashboard_url: str, admin: SandboxAdmin, aws: AwsClients, console_errors: list[str]
) -> None:
    sqs, mark = aws.client("sqs"), uuid.uuid4().hex
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for body in (f"first {mark}", f"second {mark}"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    page.goto(f"{dashboard_url}/dead-letters?text={mark}")
    expect_title(page, "Dead letters")
    # The page shows what it saw last, and a queue with as many other messages looks to it as before.
    page.get_by_role("button", name="Look again").click()
    matching = main(page).get_by_test_id("stText")
    expect(matching.filter(has_text=re.compile("^2 of .* match"))).to_be_visible(timeout=PATIENCE_MS)
    expect(cell(page, "Not a dead letter of a DynamoDB pipe; shown as it came.")).to_have_count(2, timeout=PATIENCE_MS)
    select_letter(page, 0)
    expect(main(page).get_by_test_id("stCode").filter(has_text=f"first {mark}")).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("button", name="Delete 1 selected").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete them")).to_be_disabled(timeout=PATIENCE_MS)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download them first").click()
    assert f'"body": "first {mark}"' in download.value.path().read_text()
    expect(dialog.get_by_role("button", name="Delete them")).to_be_enabled(timeout=PATIENCE_MS)
    dialog.get_by_role("textbox", name="Reason").fill("drill")
    dialog.get_by_role("button", name="Delete them").click()

    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    expect(matching.filter(has_text=re.compile("^1 of .* match"))).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_test_id("stCode").filter(has_text=f"second {mark}")).to_be_visible(timeout=PATIENCE_MS)
    expect_no_failure(page, console_errors)
