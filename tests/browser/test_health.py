"""The verdict on the page while somebody looks at it: it turns when Momento stops, and turns back when it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.viewer import PAGES, expect_no_failure, expect_title, main, open_page

#: How long a page may take to say so: its own refresh, and ten seconds for which a failure counts (ms).
PATIENCE_MS = 40_000


@pytest.fixture
def traffic(sandbox_stack: SandboxState) -> Iterator[SandboxAdmin]:
    """The admin port of a sandbox with traffic on it."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    admin.start_traffic("cities", 8, 5_000, 30)
    yield admin
    admin.start_momento()
    admin.stop_traffic()


def test_a_momento_that_stops_stalls_the_pipeline_and_its_return_makes_it_ok(
    page: Page, dashboard_url: str, traffic: SandboxAdmin, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "")
    word = page.locator(".st-key-pipeline_verdict h2")
    expect(word).to_have_text("✓ OK", timeout=PATIENCE_MS)

    traffic.stop_momento()
    expect(word).to_have_text("‖ STALLED", timeout=PATIENCE_MS)
    expect(main(page).get_by_text("cache-put is stalled: The target cannot be reached")).to_be_visible()
    box = page.get_by_role("link", name=re.compile("cache-put"))
    expect(box).to_contain_text("✕ stalled")

    traffic.start_momento()
    expect(word).to_have_text("✓ OK", timeout=PATIENCE_MS)
    expect(box).to_contain_text("✓ ok")
    expect_no_failure(page, console_errors)


def test_each_box_of_the_picture_leads_to_its_page(page: Page, dashboard_url: str) -> None:
    before = page.context.pages
    open_page(page, dashboard_url, "")
    boxes = page.locator(".pp")
    for box, address in (
        ("DynamoDB table", "weather"),
        ("Stream", "pipes"),
        ("cache-put", "pipes?flow=cache-put"),
        ("Momento cache", "lookup"),
        ("Momento topic", "live-topic"),
        ("Dead-letter queue", "dead-letters"),
    ):
        expect(boxes.get_by_role("link", name=box)).to_have_attribute("href", address)

    boxes.get_by_role("link", name="Momento topic").click()

    expect_title(page, PAGES["live-topic"])
    assert len(page.context.pages) == len(before)


def test_the_address_names_the_pipe_that_is_shown(page: Page, dashboard_url: str) -> None:
    page.goto(f"{dashboard_url}/pipes?flow=topic-publish")
    expect_title(page, "Pipes")

    expect(main(page).get_by_role("heading", name="topic-publish")).to_be_visible()
    expect(main(page).get_by_role("heading", name="cache-put")).to_have_count(0)


def test_an_operator_stops_a_pipe_after_a_question_and_starts_it_again(
    page: Page, dashboard_url: str, aws: AwsClients, console_errors: list[str]
) -> None:
    def state() -> str:
        return str(aws.client("pipes").describe_pipe(Name="weather-stats-demo-cache-delete-pipe")["CurrentState"])

    page.goto(f"{dashboard_url}/pipes?flow=cache-delete")
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cache-delete")
    dialog.get_by_role("button", name="Keep it running").click()
    expect(dialog).to_have_count(0)
    assert state() == "RUNNING"

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop it").click()
    expect(main(page).get_by_text("■ STOPPED")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Start", exact=True).click()
    wait_until(lambda: state() == "RUNNING", what="the pipe to run")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect_no_failure(page, console_errors)
