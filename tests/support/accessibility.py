"""That a page fits its window and shuts nobody out, as axe-core sees it, in each theme."""

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
#: No style sheet is fetched again: axe wants them only to tell whether a page locks its orientation. The rule `region`
#: takes long, and what breaks it is never grave.
_ALL: dict[str, Any] = {"resultTypes": ["violations"], "preload": False, "rules": {"region": {"enabled": False}}}
_COLOURS: dict[str, Any] = {"resultTypes": ["violations"], "preload": False, "runOnly": ["color-contrast"]}
_THEMES: dict[Scheme, dict[str, Any]] = {"light": _ALL, "dark": _COLOURS}
_AXE = Axe().axe_script
#: Width of what is inside of the page, and of the page itself.
_WIDTHS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .map(part => [part.scrollWidth, part.clientWidth])"""
#: Some colours fade from one theme to the other; a fade that is replaced by another one is rejected, and one whose
#: element is not drawn does not end at all.
_TRANSITIONS_ENDED = """() => Promise.race([
    Promise.allSettled(document.getAnimations()
        .filter(animation => animation instanceof CSSTransition).map(animation => animation.finished)),
    new Promise(done => setTimeout(done, 5000))])"""


def expect_fit_for_everybody(page: Page, what: str) -> None:
    """What is open is no wider than its window and has no grave violation, in light, and in dark none that a theme can
    make: of its colours."""
    for scheme, options in _THEMES.items():
        turn(page, scheme)
        for inside, outside in page.evaluate(_WIDTHS):
            assert inside <= outside, f"{what}, {scheme}: {inside - outside} px too wide"
        assert violations(page, options) == [], f"{what}, {scheme}"


def violations(page: Page, options: dict[str, Any] = _ALL) -> list[str]:
    """Each grave violation that lasts: rule, why it matters, and the first element that breaks it.

    Streamlit dims what is being drawn anew, and a page that refreshes itself may be caught at that on a slow machine.
    """
    for _ in range(_LOOKS - 1):
        if not _violations_now(page, options):
            return []
        page.wait_for_timeout(700)
    return _violations_now(page, options)


def _violations_now(page: Page, options: dict[str, Any]) -> list[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE)
    found: list[dict[str, Any]] = page.evaluate("options => axe.run(options)", options)["violations"]
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
    page.evaluate(_TRANSITIONS_ENDED)
