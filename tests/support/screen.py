"""The dashboard's pages as AppTest runs them, and what they say. Each run is one run of the whole script."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from bench.stack import ROOT

#: Page script -> the title that it shows.
PAGES = {
    "overview": "Overview",
    "weather": "Weather",
    "lookup": "Lookup",
    "live_topic": "Live topic",
    "pipes": "Pipes",
    "logs": "Logs",
    "dead_letters": "Dead letters",
    "checks": "Checks",
    "stack": "Stack",
    "audit": "Audit",
    "sandbox": "Sandbox",
}

#: Elements whose value is what they say, by the names that AppTest has for their types.
_WORDS = frozenset(
    ("title", "header", "subheader", "text", "markdown", "caption", "code", "json")
    + ("error", "warning", "success", "info")
)


@cache
def _components() -> BidiComponentManager:
    """AppTest looks through all installed packages for components, anew for each screen: 0.1 s that one look saves."""
    found = BidiComponentManager()
    found.discover_and_register_components(start_file_watching=False)
    return found


def navigation() -> AppTest:
    """The dashboard before its first run; a run may wait for a write to arrive."""
    screen = AppTest.from_file(str(ROOT / "pages" / "navigation.py"), default_timeout=30)
    screen._bidi_component_manager = _components()
    return screen


def open_page(script: str) -> AppTest:
    """A page of the dashboard after its first run, which went without an exception."""
    # A page with a URL path of its own is known to AppTest only after st.navigation has named it.
    return ran(ran(navigation()).switch_page(f"{script}/page.py"))


def ran(screen: Any) -> AppTest:
    """The screen after a run. Raises AssertionError when the script ended with an exception."""
    done: AppTest = screen.run()
    assert [shown.message for shown in done.exception] == []
    assert "This part of the page failed" not in words(done)
    assert "The page failed" not in words(done)
    return done


def words(part: Any) -> str:
    """What a part of the screen says, or the whole page without its sidebar: line by line, in its order."""
    said = []
    node: Any
    for node in part.main if isinstance(part, AppTest) else part:
        if node.type == "metric":
            said.append(f"{node.label}: {node.value}")
        elif node.type == "page_link":
            said.append(node.proto.label)
        elif node.type in ("html", "progress"):
            said.append(node.proto.body if node.type == "html" else node.proto.text)
        elif node.type in _WORDS:
            said.append(str(node.value))
    return "\n".join(said)


def metrics(screen: AppTest) -> dict[str, str]:
    """Label -> value of every metric."""
    return {metric.label: metric.value for metric in screen.metric}


def table(screen: AppTest, name: str) -> pd.DataFrame:
    """The rows of the table whose accessible name begins so, every cell as text."""
    (found,) = _tables(screen, name)
    return found.value.astype(str)


def has_table(screen: AppTest, name: str) -> bool:
    """Whether there is one whose accessible name begins so."""
    return bool(_tables(screen, name))


def _tables(screen: AppTest, name: str) -> list[Any]:
    return [grid for grid in screen.dataframe if grid.proto.alt.startswith(name)]


def type_into(box: Any, text: str) -> Any:
    """Picks an option of a select box that takes new ones too; AppTest by itself only knows those it has."""
    if text not in box.options:
        box.options.append(text)
    return box.set_value(text)
