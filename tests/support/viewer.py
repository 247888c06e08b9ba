"""What a viewer does and sees, by labels and roles. Nothing here waits for quiet: the pages refresh themselves."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

#: Path of a page -> its title.
PAGES = {
    "": "Overview",
    "weather": "Weather",
    "lookup": "Lookup",
    "live-topic": "Live topic",
    "pipes": "Pipes",
    "logs": "Logs",
    "dead-letters": "Dead letters",
    "checks": "Checks",
    "stack": "Stack",
    "audit": "Audit",
    "sandbox": "Sandbox",
}


def main(page: Page) -> Locator:
    """The page without its sidebar."""
    return page.get_by_test_id("stMain")


def expect_title(page: Page, title: str, timeout_s: float = 20) -> None:
    """Waits for the page with this title."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=timeout_s * 1000)


def open_page(page: Page, url: str, path: str) -> None:
    """Loads a page and waits for its title."""
    page.goto(f"{url}/{path}")
    expect_title(page, PAGES[path])


def go_to(page: Page, title: str) -> None:
    """Goes to another page as a viewer does: by its link, in the same session."""
    page.get_by_role("link", name=title, exact=True).click()
    expect_title(page, title)


def cell(page: Page, text: str) -> Locator:
    """The cells of tables with just this text, among those in view: tables are drawn, and mirrored for readers."""
    return page.locator("[role=gridcell]").filter(has_text=re.compile(f"^{re.escape(text)}$"))


def select_letter(page: Page, row: int) -> None:
    """Selects a message on the page Dead letters, counted from 0, or takes its selection back."""
    table = page.locator("[class*=st-key-letters_table_]")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 15, "y": 35 * (row + 1.5)})


def badge(page: Page, word: str) -> Locator:
    """The badge with this word, which its icon stands before."""
    return main(page).get_by_text(re.compile(f"(^| ){word}$"))


def pick(page: Page, label: str, text: str) -> None:
    """Types into a select box and picks the option of that name, or takes it as a new one."""
    box = page.get_by_role("combobox", name=label)
    box.fill(text)
    page.get_by_role("option").filter(has_text=text).first.click()


def look_up(page: Page, location: str) -> None:
    """Names a location on the page Lookup and asks for it."""
    pick(page, "Location", location)
    page.get_by_role("button", name="Look at both sides").click()


def enter(page: Page, location: str, high: str, low: str, chance: str, ttl: str) -> None:
    """Fills the form of the page Weather and sends it."""
    page.get_by_role("textbox", name="Location").fill(location)
    page.get_by_role("spinbutton", name="Maximum temperature, °F").fill(high)
    page.get_by_role("spinbutton", name="Minimum temperature, °F").fill(low)
    page.get_by_role("spinbutton", name="Chance of precipitation, %").fill(chance)
    page.get_by_role("spinbutton", name="Time to live in the cache, s").fill(ttl)
    page.get_by_role("button", name="Save record").click()


#: Streamlit looks for its server below the address of a page that is loaded by its own address, and then above it;
#: the browser notes the first look as an error.
_OF_STREAMLIT = re.compile(r"status of 404 .*/_stcore/(health|host-config)\)$")


def errors_of_ours(console_errors: list[str]) -> list[str]:
    """The console's errors without the ones that Streamlit makes whatever the app does."""
    return [error for error in console_errors if not _OF_STREAMLIT.search(error)]


def expect_no_failure(page: Page, console_errors: list[str]) -> None:
    """No exception is on the page, no trace of one either, and the browser's console has no error."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("Traceback")).to_have_count(0)
    expect(page.get_by_text("failed for a reason of the dashboard's own")).to_have_count(0)
    assert errors_of_ours(console_errors) == []
