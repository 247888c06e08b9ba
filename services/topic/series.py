"""The topic's messages as series over time, counted as they arrive, so that drawing never walks the buffer.

Every location has its own cells, one per bucket of each window, and so has the topic as a whole. A cell is valid when
it carries the number of the bucket that is asked for, so nothing has to be swept when time goes on. The numbers lie in
arrays, which Python's garbage collector does not look into.

Memory is bounded: the MAX_TRACKED most recently active locations have cells (33 kB each). A location beyond them counts
in the rates of the whole topic only, and `Picture.forgotten` says that there were such. A message without a location,
or with one longer than a record may have, counts as "other".
"""

from __future__ import annotations

import math
import threading
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.names import LOCATION_MAX_CHARACTERS
from services.topic.events import EVENT_TYPES, TopicEvent

#: What a view may choose from; "other" is every message that is no weather event.
TYPES = (*EVENT_TYPES, "other")
#: Locations that have cells, that a picture draws, and that it lists; values in a sparkline.
MAX_TRACKED, MAX_DRAWN, MAX_LISTED, SPARK = 500, 12, 50, 20
#: A clock that was set back by no more than this is waited for.
_SET_BACK_S = 60
#: Pictures of so many views are kept for the next viewer.
_MAX_PICTURES = 64
_OTHER = len(EVENT_TYPES)
_KINDS = len(TYPES)


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a picture looks, and how many seconds one bucket of it covers."""

    key: str
    seconds: int
    bucket_s: int

    @property
    def buckets(self) -> int:
        """How many buckets the window has."""
        return self.seconds // self.bucket_s


WINDOWS = (
    Window("1m", 60, 1),
    Window("5m", 300, 5),
    Window("15m", 900, 15),
    Window("1h", 3_600, 60),
    Window("6h", 21_600, 300),
    Window("24h", 86_400, 1_440),
)
_OFFSETS = {window: sum(before.buckets for before in WINDOWS[:place]) for place, window in enumerate(WINDOWS)}
_SLOTS = sum(window.buckets for window in WINDOWS)


@dataclass(frozen=True, slots=True)
class View:
    """What a viewer wants to see. No `locations` and no `types` (of TYPES) mean all of them."""

    window: Window
    locations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """One bucket of one location: the highest MaxTemp and the lowest MinTemp in °F, and how many deletions it had.

    `start` is the epoch second at which the bucket begins. A temperature is None when no event of the bucket had one:
    a bucket of deletions only.
    """

    start: int
    location: str
    high: float | None
    low: float | None
    removed: int


@dataclass(frozen=True, slots=True)
class Rate:
    """How many events of each type came in the bucket that begins at the epoch second `start`; not per second."""

    start: int
    insert: int
    modify: int
    remove: int
    other: int


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest event of a location (`event_type` of TYPES), and the last SPARK values of MaxTemp, oldest first."""

    location: str
    event_type: str
    received_at: float
    max_temp: float | None
    min_temp: float | None
    chance: float | None
    spark: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a view shows at one version (the number of events ever taken in). Buckets without an event are left out.

    `end` is the epoch second at which the newest bucket ends; the window begins `view.window.seconds` before it.
    `bands` are by location, then time; `latest` by location. `more_locations` were active in the window and are not
    drawn. `forgotten` counts how often a location lost its cells to another one (see the module's text).
    """

    version: int
    view: View
    end: int
    bands: tuple[Band, ...]
    rates: tuple[Rate, ...]
    latest: tuple[Latest, ...]
    more_locations: int
    forgotten: int


class _Cells:
    """Counts and temperatures by type, for each bucket of each window."""

    __slots__ = ("_stamps", "counts", "highs", "lows")

    def __init__(self) -> None:
        self._stamps = array("q", [-1]) * _SLOTS
        self.counts = array("I", [0]) * (_SLOTS * _KINDS)
        self.highs = array("d", [-math.inf]) * (_SLOTS * _KINDS)
        self.lows = array("d", [math.inf]) * (_SLOTS * _KINDS)

    def add(self, slots: Iterable[tuple[int, int]], kind: int, high: float, low: float) -> None:
        """Count one event into its slots, given with the number of the bucket that each has to be for."""
        stamps, counts, highs, lows = self._stamps, self.counts, self.highs, self.lows
        for slot, bucket in slots:
            if stamps[slot] != bucket:
                self._open(slot, bucket)
            cell = slot * _KINDS + kind
            counts[cell] += 1
            if high > highs[cell]:
                highs[cell] = high
            if low < lows[cell]:
                lows[cell] = low

    def filled(self, window: Window, last: int) -> Iterator[tuple[int, int]]:
        """The buckets with events, up to bucket number `last`: number, and index of the first of its cells."""
        offset, buckets = _OFFSETS[window], window.buckets
        for bucket in range(max(0, last - buckets + 1), last + 1):
            slot = offset + bucket % buckets
            if self._stamps[slot] == bucket:
                yield bucket, slot * _KINDS

    def _open(self, slot: int, bucket: int) -> None:
        self._stamps[slot] = bucket
        for cell in range(slot * _KINDS, (slot + 1) * _KINDS):
            self.counts[cell] = 0
            self.highs[cell] = -math.inf
            self.lows[cell] = math.inf


class _Track:
    """What is kept of one location."""

    __slots__ = ("cells", "chance", "high", "kind", "low", "received_at", "second", "spark", "taken")

    def __init__(self) -> None:
        self.cells = _Cells()
        self.spark: deque[float] = deque(maxlen=SPARK)
        self.taken = 0

    def take(self, event: TopicEvent, kind: int, second: int) -> None:
        """Note the newest event; the cells are filled apart from this."""
        self.taken += 1
        self.kind, self.second, self.received_at = kind, second, event.received_at
        self.high, self.low, self.chance = event.max_temp, event.min_temp, event.chance
        if event.max_temp is not None:
            self.spark.append(event.max_temp)

    def latest(self, location: str) -> Latest:
        """The newest event, as a picture lists it."""
        kind, spark = TYPES[self.kind], tuple(self.spark)
        return Latest(location, kind, self.received_at, self.high, self.low, self.chance, spark)


class TopicSeries:
    """The series of one topic, filled by one writer and drawn by many readers. Safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all = _Cells()
        self._tracks: OrderedDict[str, _Track] = OrderedDict()
        self._forgotten = 0
        self._version = 0
        self._second = 0
        self._slots: tuple[tuple[int, int], ...] = _slots_of(0)
        self._pictures: dict[View, Picture] = {}

    def take(self, event: TopicEvent) -> None:
        """Count one event, into the second in which it was received.

        A clock that was set back a little counts into the newest second, so that order holds. One that was set back by
        more is followed: otherwise a clock that ran ahead for a moment would stop the series until it is reached again.
        """
        location = event.location
        known = location is not None and len(location) <= LOCATION_MAX_CHARACTERS
        kind = EVENT_TYPES.index(event.event_type) if known and event.event_type is not None else _OTHER
        high = -math.inf if event.max_temp is None else event.max_temp
        low = math.inf if event.min_temp is None else event.min_temp
        with self._lock:
            self._version += 1
            second = int(event.received_at)
            if second > self._second or second < self._second - _SET_BACK_S:
                self._second, self._slots = second, _slots_of(second)
            self._all.add(self._slots, kind, high, low)
            if known and location is not None:
                track = self._track(location)
                track.take(event, kind, self._second)
                track.cells.add(self._slots, kind, high, low)

    def picture(self, view: View, now: float) -> Picture:
        """What a view shows at the epoch second `now`; the same object for all until an event or a new bucket comes.

        At most MAX_DRAWN locations get bands: of the wanted ones that were active in the window, those with the most
        events, so that the choice does not change from one second to the next. `latest` lists the MAX_LISTED most
        recently active ones of the wanted locations whose newest event is of a wanted type, whenever that was.
        Raises KeyError for a window that is not one of WINDOWS.
        """
        with self._lock:
            last = max(int(now), self._second) // view.window.bucket_s
            end = (last + 1) * view.window.bucket_s
            known = self._pictures.get(view)
            if known is not None and known.version == self._version and known.end == end:
                return known
            if len(self._pictures) >= _MAX_PICTURES:
                self._pictures.clear()
            picture = self._pictures[view] = self._draw(view, last, end)
            return picture

    def _track(self, location: str) -> _Track:
        track = self._tracks.get(location)
        if track is None:
            if len(self._tracks) >= MAX_TRACKED:
                self._tracks.popitem(last=False)
                self._forgotten += 1
            track = self._tracks[location] = _Track()
        else:
            self._tracks.move_to_end(location)
        return track

    def _draw(self, view: View, last: int, end: int) -> Picture:
        kinds = [kind for kind, name in enumerate(TYPES) if not view.types or name in view.types]
        wanted = self._wanted(view)
        begin = end - view.window.seconds
        active = [(location, track) for location, track in wanted.items() if track.second >= begin]
        drawn = sorted(active, key=lambda item: (-item[1].taken, item[0]))[:MAX_DRAWN]
        sources = [track.cells for _, track in active] if view.locations else [self._all]
        return Picture(
            self._version,
            view,
            end,
            tuple(
                band
                for name, track in sorted(drawn, key=_name)
                for band in _bands(name, track.cells, view.window, last, kinds)
            ),
            tuple(_rates(sources, view.window, last, kinds)),
            _latest(wanted, kinds),
            more_locations=len(active) - len(drawn),
            forgotten=self._forgotten,
        )

    def _wanted(self, view: View) -> dict[str, _Track]:
        """The tracked locations of a view, the least recently active first."""
        if not view.locations:
            return dict(self._tracks)
        locations = frozenset(view.locations)
        return {location: track for location, track in self._tracks.items() if location in locations}


def _slots_of(second: int) -> tuple[tuple[int, int], ...]:
    """For each window, the slot of the bucket that a second belongs to, and that bucket's number."""
    numbered = ((offset, window.buckets, second // window.bucket_s) for window, offset in _OFFSETS.items())
    return tuple((offset + bucket % buckets, bucket) for offset, buckets, bucket in numbered)


def _bands(location: str, cells: _Cells, window: Window, last: int, kinds: list[int]) -> Iterator[Band]:
    removing = TYPES.index("REMOVE") in kinds
    for bucket, cell in cells.filled(window, last):
        high = max(cells.highs[cell + kind] for kind in kinds)
        low = min(cells.lows[cell + kind] for kind in kinds)
        removed = cells.counts[cell + TYPES.index("REMOVE")] if removing else 0
        if removed or math.isfinite(high) or math.isfinite(low):
            yield Band(bucket * window.bucket_s, location, _finite(high), _finite(low), removed)


def _name(item: tuple[str, _Track]) -> str:
    return item[0]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rates(sources: list[_Cells], window: Window, last: int, kinds: list[int]) -> Iterator[Rate]:
    sums: dict[int, list[int]] = {}
    for cells in sources:
        for bucket, cell in cells.filled(window, last):
            counted = sums.setdefault(bucket, [0] * _KINDS)
            for kind in kinds:
                counted[kind] += cells.counts[cell + kind]
    return (Rate(bucket * window.bucket_s, *counted) for bucket, counted in sorted(sums.items()) if any(counted))


def _latest(wanted: dict[str, _Track], kinds: list[int]) -> tuple[Latest, ...]:
    newest_first = [item for item in reversed(wanted.items()) if item[1].kind in kinds]
    return tuple(track.latest(location) for location, track in sorted(newest_first[:MAX_LISTED], key=_name))
