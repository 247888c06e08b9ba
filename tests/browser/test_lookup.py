"""The page Lookup in a browser: a read that fills and counts down, load, the check with its repair, and trouble."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.momento_client import MomentoCache
from core.names import CACHE, TABLE
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.accessibility import expect_fit_for_everybody
from tests.support.viewer import badge, cell, expect_no_failure, look_up, main, open_page, pick
from tests.support.wire import item, momento

PATIENCE_MS = 40_000


@pytest.fixture
def client(sandbox_stack: SandboxState) -> Iterator[MomentoCache]:
    with momento(sandbox_stack) as client:
        yield client


@pytest.fixture
def town(aws: AwsClients, client: MomentoCache) -> str:
    """A location whose record has arrived in the cache."""
    town = f"Town {uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town, TTL="600"))
    wait_until(lambda: client.get(CACHE, town).hit, what=f"{town} in the cache")
    return town


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def test_a_miss_is_filled_counted_and_its_time_to_live_runs_down(
    page: Page, dashboard_url: str, client: MomentoCache, town: str, console_errors: list[str]
) -> None:
    client.delete(CACHE, town)
    open_page(page, dashboard_url, "lookup")
    page.get_by_text("Fill the cache after a miss").click()
    pick(page, "Location", town)
    page.get_by_role("button", name="Read through").click()
    for word in ("MISS", "FOUND", "FILLED"):
        expect(badge(page, word)).to_be_visible()
    page.get_by_role("button", name="Read through").click()
    expect(main(page).get_by_text("The cache had it: the table was not read.")).to_be_visible()
    expect(page).to_have_url(re.compile("location=Town"))

    client.set(CACHE, town, client.get(CACHE, town).value or b"", 4)
    page.get_by_role("button", name="Read through").click()
    expect(main(page).get_by_text(re.compile("^[1-4] s$"))).to_be_visible()
    expect(main(page).get_by_text("The cache has forgotten it; the table keeps it.")).to_be_visible()

    open_tab(page, "Hits and misses")
    expect(main(page).get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(main(page).get_by_text("AWS's own numbers")).to_be_visible()
    expect(page).to_have_url(re.compile("tab=Hits"))
    expect_no_failure(page, console_errors)


def test_a_load_test_shows_its_progress_and_its_result(
    page: Page, dashboard_url: str, town: str, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "lookup")
    open_tab(page, "Load test")
    page.get_by_role("textbox", name="Only locations that begin with").fill(town)
    page.get_by_role("spinbutton", name="Reads", exact=True).fill("300")
    page.get_by_role("spinbutton", name="Reads per second, at most").fill("100")
    page.get_by_role("button", name="Start").click()

    expect(main(page).get_by_text("The running test")).to_be_visible()
    expect(main(page).get_by_text("The last test")).to_be_visible(timeout=PATIENCE_MS)
    expect(main(page).get_by_text("300 of 300")).to_be_visible()
    expect(cell(page, "DynamoDB table")).to_have_count(1)
    expect_no_failure(page, console_errors)


def test_a_stale_key_is_found_by_the_check_and_made_right(
    page: Page, dashboard_url: str, client: MomentoCache, town: str, console_errors: list[str]
) -> None:
    client.set(CACHE, town, b"yesterday's", 600)
    open_page(page, dashboard_url, "lookup")
    # Until the change is some seconds old it may be on its way.
    look_up(page, town)
    verdict = main(page).get_by_text("They differ: the cache is out of date.")
    expect(main(page).get_by_text(re.compile("^They differ"))).to_be_visible()
    for _ in range(3):
        if verdict.count():
            break
        page.get_by_role("button", name="Look at both sides").click()
        expect(main(page).get_by_text("Looking at both sides")).to_be_visible()
        expect(main(page).get_by_text("Looking at both sides")).to_have_count(0)
    expect(verdict).to_be_visible()

    open_tab(page, "Agreement")
    page.get_by_role("button", name="Check the whole table").click()
    expect(main(page).get_by_text("The last check")).to_be_visible(timeout=PATIENCE_MS)
    expect(cell(page, town)).to_have_count(1)
    main(page).get_by_role("button", name=re.compile("^.*Make .* right$")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("put")
    dialog.get_by_role("button", name="Make them right").click()
    expect(main(page).get_by_text("The last repair")).to_be_visible(timeout=PATIENCE_MS)
    expect(dialog).to_have_count(0)

    wait_until(lambda: client.get(CACHE, town).value != b"yesterday's", what="the table's record in the cache")
    page.reload()
    expect(main(page).get_by_text("The last check")).to_be_visible(timeout=PATIENCE_MS)
    expect_no_failure(page, console_errors)


def test_without_momento_readers_get_the_table_and_a_check_fails_in_words(
    page: Page, dashboard_url: str, sandbox_stack: SandboxState, town: str, console_errors: list[str]
) -> None:
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    open_page(page, dashboard_url, "lookup")
    admin.stop_momento()
    try:
        pick(page, "Location", town)
        page.get_by_role("button", name="Read through").click()
        expect(badge(page, "CACHE FAILED")).to_be_visible(timeout=PATIENCE_MS)
        expect(badge(page, "FOUND")).to_be_visible()

        open_tab(page, "Agreement")
        page.get_by_role("button", name="Check the whole table").click()
        expect(main(page).get_by_text("Unreachable")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        admin.start_momento()
    expect_no_failure(page, console_errors)


def test_every_tab_shuts_nobody_out(page: Page, dashboard_url: str, town: str) -> None:
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        open_page(page, dashboard_url, "lookup")
        look_up(page, town)
        expect(badge(page, "HIT")).to_be_visible()
        expect_fit_for_everybody(page, f"One key, {width} px")
        for tab, content in (
            ("Hits and misses", "[data-testid=stVegaLiteChart] svg"),
            ("Load test", "[data-testid=stForm]"),
            ("Agreement", "[data-testid=stNumberInput]"),
        ):
            open_tab(page, tab)
            expect(page.locator(content).first).to_be_visible()
            expect_fit_for_everybody(page, f"{tab}, {width} px")
