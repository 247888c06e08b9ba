"""axe-core finds no serious violation of ours on any page, on a screen and on a phone, in light and in dark."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import BACKGROUNDS, CONTENT, something_to_show
from tests.browser.viewer import PAGES, open_page

__all__ = ["something_to_show"]

#: What axe calls serious enough to shut somebody out.
_GRAVE = ("serious", "critical")
#: How often a page is looked at before a violation counts.
_LOOKS = 4


def violations(page: Page) -> list[str]:
    """Each grave violation that lasts: rule, why it matters, and the first element that breaks it.

    Streamlit dims what is being drawn anew, and a page that refreshes itself may be caught at that on a slow machine.
    """
    for _ in range(_LOOKS - 1):
        if not _violations_now(page):
            return []
        page.wait_for_timeout(700)
    return _violations_now(page)


def _violations_now(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:300]} {node.get('failureSummary', '')[:300]}"
        for rule in found
        if rule["impact"] in _GRAVE
        for node in rule["nodes"]
    ]


@pytest.mark.usefixtures("something_to_show")
@pytest.mark.parametrize("scheme", BACKGROUNDS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_shuts_nobody_out(page: Page, dashboard_url: str, path: str, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        open_page(page, dashboard_url, path)
        expect(page.locator(CONTENT[path]).first).to_be_visible(timeout=20_000)
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUNDS[scheme])

        assert violations(page) == []


def test_a_violation_of_ours_would_be_found(page: Page, dashboard_url: str) -> None:
    open_page(page, dashboard_url, "")

    page.evaluate("() => document.querySelector('[data-testid=stMain]').append(document.createElement('button'))")

    assert [violation.split()[0] for violation in violations(page)] == ["button-name"]
