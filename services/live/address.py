"""A view of the live topic as it stands in an address: `?window=5m&location=Oslo&location=Bergen&type=INSERT`. Pure.

The page's own address and that of its stream of updates say it alike, so a link shows what its sender saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from core.errors import InvalidInput
from core.names import LOCATION_MAX_CHARACTERS
from core.text import encodable
from services.topic.series import MAX_DRAWN, TYPES, WINDOWS, View, Window

#: The window of a view that names none.
DEFAULT_WINDOW = "5m"


#: A view names at most so many locations, each at most as long as a record allows.
MOST_LOCATIONS, LONGEST_LOCATION = MAX_DRAWN, LOCATION_MAX_CHARACTERS


def window(key: str) -> Window:
    """The window of this key. Raises InvalidInput."""
    for known in WINDOWS:
        if known.key == key:
            return known
    raise InvalidInput("window", "There is no such window.", f"There are {', '.join(known.key for known in WINDOWS)}.")


def view(key: str, locations: Iterable[str], types: Iterable[str]) -> View:
    """The view of these; the order in which they are named makes no other view. Raises InvalidInput."""
    named, wanted = sorted(set(locations)), set(types)
    if len(named) > MOST_LOCATIONS:
        raise InvalidInput("location", f"A view has at most {MOST_LOCATIONS} locations.", "Name fewer of them.")
    for name in named:
        if not 0 < len(name) <= LONGEST_LOCATION or encodable(name) != name:
            raise InvalidInput("location", f"A location has 1 to {LONGEST_LOCATION} characters.", "Correct the link.")
    if not wanted.issubset(TYPES):
        raise InvalidInput("type", "There is no such type of event.", f"There are {', '.join(TYPES)}.")
    return View(window(key), tuple(named), tuple(name for name in TYPES if name in wanted))


def parse(pairs: Sequence[tuple[str, str]]) -> View:
    """The view that the parameters of an address name. Raises InvalidInput, also for a parameter it does not know."""
    unknown = {name for name, _ in pairs} - {"window", "location", "type"}
    if unknown:
        raise InvalidInput("query", "There is a parameter that a view does not have.", "It has window, location, type.")
    windows = [value for name, value in pairs if name == "window"]
    if len(windows) > 1:
        raise InvalidInput("window", "A view has one window.", "Name one.")
    return view(
        windows[0] if windows else DEFAULT_WINDOW,
        (value for name, value in pairs if name == "location"),
        (value for name, value in pairs if name == "type"),
    )


def query(shown: View) -> str:
    """The parameters of an address that names this view, without the question mark."""
    pairs = [("window", shown.window.key)]
    pairs += [("location", name) for name in shown.locations]
    pairs += [("type", name) for name in shown.types]
    return urlencode(pairs)
