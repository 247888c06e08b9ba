"""The page Checks in a browser: every tab fits and shuts nobody out, and the canary runs from a click."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_fit_for_everybody
from tests.support.viewer import expect_no_failure, expect_title, open_page

#: What each tab shows, in the order in which they are opened.
TABS = {
    "Canary": "Run the canary every",
    "Settings": "What is checked",
    "Metrics": "CloudWatch beside the pipes' log",
    "Alarms": "The stack has no alarms",
}


@pytest.mark.parametrize("width", [1440, 390])
def test_every_tab_is_in_the_address_fits_and_shuts_nobody_out(
    page: Page, dashboard_url: str, console_errors: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{dashboard_url}/checks?show=Canary")
    expect_title(page, "Checks")
    for tab, words in TABS.items():
        if tab != "Canary":
            page.get_by_role("tab", name=tab).click()
        # The first tab is the page's own address.
        expect(page).to_have_url(f"{dashboard_url}/checks" + ("" if tab == "Settings" else f"?show={tab}"))
        expect(page.get_by_text(words).first).to_be_visible()
        expect_fit_for_everybody(page, tab)
    expect_no_failure(page, console_errors)


def test_the_canary_is_started_passes_and_is_stopped(page: Page, dashboard_url: str, console_errors: list[str]) -> None:
    open_page(page, dashboard_url, "checks")
    page.get_by_role("tab", name="Canary").click()
    page.get_by_role("button", name="Start the canary").click()

    expect(page.get_by_text("The last canary passed every stage")).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart] svg").first).to_be_visible()

    page.get_by_role("button", name="Stop the canary").click()
    expect(page.get_by_test_id("stMetricValue").filter(has_text="off")).to_be_visible()
    expect_no_failure(page, console_errors)


def test_the_table_of_calls_stays_open_while_their_number_changes(page: Page, dashboard_url: str) -> None:
    open_page(page, dashboard_url, "checks")
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("AWS calls by operation").click()
    expect(sidebar.get_by_test_id("stDataFrame")).to_be_visible()

    number = sidebar.get_by_text("AWS calls: ")
    before = number.inner_text()
    page.get_by_role("button", name="Refresh").click()
    expect(number).not_to_have_text(before)

    expect(sidebar.get_by_test_id("stDataFrame")).to_be_visible()
