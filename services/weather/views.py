"""What a viewer looks at: one page of the table, or what a search has found so far. Each step gives a new view."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.weather.paging import AT_ONCE, Item, RecordPage, RecordPages, location_of

#: A search that has found so many records goes no further: a longer beginning finds what is wanted.
MOST_FOUND = 500


@dataclass(frozen=True)
class PageView:
    """One page of the table. `starts` has where this page and those before it begin; `read` counts their records."""

    items: tuple[Item, ...]
    size: int
    starts: tuple[str | None, ...]
    next_start: str | None
    read: int
    capacity_units: float
    read_at: float

    @property
    def number(self) -> int:
        """Which page it is, from 1."""
        return len(self.starts)


@dataclass(frozen=True)
class SearchView:
    """What a search has found after reading `read` records. `next_start` is where it would go on."""

    prefix: str
    items: tuple[Item, ...]
    next_start: str | None
    read: int
    capacity_units: float
    read_at: float

    @property
    def full(self) -> bool:
        """Whether it has found as many as it may."""
        return len(self.items) >= MOST_FOUND


View = PageView | SearchView


def first(pages: RecordPages, size: int) -> PageView:
    """The first page. Raises DashboardError."""
    return _page(pages.page(size, None), size, (None,), 0)


def following(pages: RecordPages, view: PageView) -> PageView:
    """The page after this one. Raises DashboardError."""
    return _page(pages.page(view.size, view.next_start), view.size, (*view.starts, view.next_start), view.read)


def preceding(pages: RecordPages, view: PageView) -> PageView:
    """The page before this one. Raises DashboardError."""
    starts = view.starts[:-1]
    return _page(pages.page(view.size, starts[-1]), view.size, starts, (len(starts) - 1) * view.size)


def search(pages: RecordPages, prefix: str) -> SearchView:
    """The record of just this location, and the first step of a search for those that begin so."""
    exact = pages.exact(prefix)
    begun = SearchView(prefix, exact.items, None, 0, exact.capacity_units, time.time())
    return go_on(pages, begun)


def go_on(pages: RecordPages, view: SearchView) -> SearchView:
    """The search after one more step. Raises DashboardError."""
    step = pages.search(view.prefix, view.next_start)
    known = {location_of(item) for item in view.items}
    return replace(
        view,
        items=in_order((*view.items, *(item for item in step.items if location_of(item) not in known))),
        next_start=step.next_start,
        read=view.read + step.read,
        capacity_units=view.capacity_units + step.capacity_units,
        read_at=time.time(),
    )


def again(pages: RecordPages, view: View) -> View:
    """The same page, or the records that the same search has found, as they are now. Raises DashboardError."""
    if isinstance(view, SearchView):
        return replace(view, items=_now(pages, view.items), read_at=time.time())
    return _page(pages.page(view.size, view.starts[-1]), view.size, view.starts, (view.number - 1) * view.size)


def _now(pages: RecordPages, items: tuple[Item, ...]) -> tuple[Item, ...]:
    found: dict[str, Item] = {}
    for start in range(0, len(items), AT_ONCE):
        found.update(pages.of(location_of(item) for item in items[start : start + AT_ONCE]))
    return in_order(found.values())


def _page(page: RecordPage, size: int, starts: tuple[str | None, ...], read_before: int) -> PageView:
    return PageView(
        in_order(page.items), size, starts, page.next_start, read_before + page.read, page.capacity_units, time.time()
    )


def in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """Items by their locations: the table's own order means nothing to people."""
    return tuple(sorted(items, key=location_of))
