"""The page Logs as somebody on call uses it: narrow down, share the address, open an execution, follow an error."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from core.names import TABLE
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients
from tests.support.viewer import cell, expect_no_failure, expect_title, main, open_page, pick
from tests.support.wire import item

#: How long the log, the page's own refresh and a busy machine may take (ms).
PATIENCE_MS = 40_000


@pytest.fixture
def town(aws: AwsClients, sandbox_stack: SandboxState) -> str:
    """A location whose record was just written."""
    name = f"Town {uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name))
    return name


@pytest.fixture
def failed_town(aws: AwsClients, sandbox_stack: SandboxState) -> str:
    """A location whose record became two dead letters."""
    name = f"Town {uuid.uuid4().hex[:8]}"
    SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token).fail_momento(502, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name))
    return name


def select_row(page: Page, row: int) -> None:
    """Selects a row of the page's first table, counted from 0."""
    page.get_by_test_id("stDataFrame").first.click(position={"x": 15, "y": 35 * (row + 1.5)})


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_filters_are_in_the_address_and_an_address_brings_them_back(
    page: Page, dashboard_url: str, town: str, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "logs")

    page.get_by_role("textbox", name="Location").fill(town)
    page.get_by_role("textbox", name="Location").press("Enter")
    pick(page, "Pipe", "topic-publish")
    pick(page, "Outcome", "succeeded")
    expect(main(page).get_by_text(re.compile(r"^1 of [\d,]+ executions? match\.$"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"logs\?.*outcome=succeeded"))

    page.goto(page.url)
    expect(main(page).get_by_text(re.compile(r"^1 of [\d,]+ executions? match\.$"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("textbox", name="Location")).to_have_value(town)
    expect(cell(page, "topic-publish")).to_have_count(1)

    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page).to_have_url(f"{dashboard_url}/logs")
    expect_no_failure(page, console_errors)


def test_an_execution_opens_from_its_row_and_from_its_address_and_closes(
    page: Page, dashboard_url: str, town: str, console_errors: list[str]
) -> None:
    page.goto(f"{dashboard_url}/logs?record={town}&pipe=cache-put&outcome=succeeded")
    expect(main(page).get_by_text(re.compile("^1 of "))).to_be_visible(timeout=PATIENCE_MS)

    select_row(page, 0)

    expect(drawer(page).get_by_text(f"Location: {town}")).to_be_visible(timeout=PATIENCE_MS)
    expect(drawer(page).get_by_test_id("stVegaLiteChart").locator("svg, canvas").first).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(drawer(page).get_by_text("at the level TRACE only").first).to_be_visible()
    expect(page).to_have_url(re.compile("execution="))
    page.goto(page.url)
    expect(drawer(page).get_by_text(f"Location: {town}")).to_be_visible(timeout=PATIENCE_MS)

    drawer(page).get_by_role("button", name="Close").click()
    expect(drawer(page)).to_have_count(0)
    expect(page).not_to_have_url(re.compile("execution="))
    expect_no_failure(page, console_errors)


def test_an_error_leads_to_its_executions_and_one_of_them_to_its_dead_letter(
    page: Page, dashboard_url: str, failed_town: str, console_errors: list[str]
) -> None:
    page.goto(f"{dashboard_url}/logs?view=Errors&record={failed_town}")
    expect(cell(page, "cache-put, topic-publish")).to_have_count(1, timeout=PATIENCE_MS)

    select_row(page, 0)
    expect(main(page).get_by_text("Only executions with this error:")).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_test_id("stCode").filter(has_text="HTTP 502: ")).to_be_visible(timeout=PATIENCE_MS)
    expect(cell(page, "✕ failed")).to_have_count(2, timeout=PATIENCE_MS)

    select_row(page, 0)
    expect(drawer(page).get_by_text("HTTP 502").first).to_be_visible(timeout=PATIENCE_MS)
    drawer(page).get_by_role("link", name="Its dead letter").click()
    expect_title(page, "Dead letters", timeout_s=PATIENCE_MS / 1000)
    expect(page).to_have_url(re.compile(r"dead-letters\?sequence=\d+"))
    expect_no_failure(page, console_errors)


def test_new_executions_appear_by_themselves_until_the_tail_is_paused(
    page: Page, dashboard_url: str, aws: AwsClients, console_errors: list[str]
) -> None:
    name = f"Town {uuid.uuid4().hex[:8]}"
    page.goto(f"{dashboard_url}/logs?record={name}")
    expect(main(page).get_by_text(re.compile("^0 of "))).to_be_visible(timeout=PATIENCE_MS)

    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name))

    expect(main(page).get_by_text(re.compile("^2 of "))).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name, MaxTemp="80"))
    page.get_by_role("button", name="Go on").click()
    expect(main(page).get_by_text(re.compile("^4 of "))).to_be_visible(timeout=PATIENCE_MS)
    expect_no_failure(page, console_errors)
