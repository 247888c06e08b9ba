"""What shuts somebody out of a page, as axe-core sees it, in the theme that a test wants."""

from __future__ import annotations

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

Scheme = Literal["light", "dark"]

#: What each theme paints the page with.
BACKGROUNDS: dict[Scheme, str] = {"light": "rgb(255, 255, 255)", "dark": "rgb(11, 18, 32)"}
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


def turn(page: Page, scheme: Scheme) -> None:
    """Turns an open page to a theme, as a viewer's system does at dusk."""
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUNDS[scheme])
