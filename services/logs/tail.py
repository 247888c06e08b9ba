"""Reads the pipes' log group into the log store: what is new first, then backwards to the window's begin.

A refresh asks only for what may be new: from the newest record seen, less an overlap, because records are written
late and out of order; now and then it looks further back. Everything is read newest first and for a bounded time:
what is left of a span is read by later refreshes, so a page has the newest records at once. Records seen before are
known by their event id.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

from core import names
from core.aws import Aws, translated
from core.errors import ServiceFailed, Throttled
from services.logs.executions import Execution, LogRecord
from services.logs.queries import LogQuery
from services.logs.store import LogStore, RawEvent

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef, FilterLogEventsResponseTypeDef

MINUTE_MS = 60_000
#: How far back the first look goes; the rest of the window is read backwards after it.
FIRST_LOOK_MS = MINUTE_MS
#: The window that is always kept, and the widest that a page may ask for.
WINDOW_MS = 60 * MINUTE_MS
WIDEST_MS = 24 * 60 * MINUTE_MS
#: How long a wider window is kept after a page last asked for it, in seconds.
ASKED_FOR_S = 600
#: How far back every later look goes, and how far one goes each DEEP_EVERY_MS, for records that came late.
OVERLAP_MS = 3 * 1000
DEEP_OVERLAP_MS = 90 * 1000
DEEP_EVERY_MS = 15 * 1000
#: Seconds that one refresh reads for: what is new, and then backwards.
NEW_S = 0.8
BACK_S = 0.3
#: Spans left to read; more than these are read as one.
SPANS = 20
#: The first pause after CloudWatch asked for fewer calls, and the longest, in seconds.
PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
#: How many records the measure of lateness is taken from, and how old they may be.
LATENESS_RECORDS = 1_000
LATENESS_MS = 5 * MINUTE_MS
#: How long `close` waits for a look under way, in seconds.
CLOSE_S = 2.0
_FUTURE_MS = 2**62
#: What `LogView.records` and `LogView.executions` give.
NEWEST = 2_000


@dataclass(frozen=True)
class LogState:
    """How much of the log is known. Times in epoch milliseconds.

    Between `complete_from_ms` and `horizon_ms` everything is known, by how late records came lately: `lateness_ms`
    is the p95 from a record's own time to CloudWatch's having it, None before there is any. `reading_back` says
    that older records of the window from `window_from_ms` on are still being read, `full` that they cannot be kept.
    After CloudWatch asked for fewer calls the next one waits `pause_s` seconds.
    """

    window_from_ms: int
    complete_from_ms: int
    horizon_ms: int
    lateness_ms: int | None
    records: int
    reading_back: bool
    full: bool
    pause_s: float = 0.0


@dataclass(frozen=True)
class LogView:
    """What is known of the log: how much it is, and the store that answers everything else."""

    state: LogState
    store: LogStore

    @property
    def records(self) -> tuple[LogRecord, ...]:
        """The newest records, the oldest of them first."""
        return self.store.records(LogQuery(), NEWEST)[::-1]

    @property
    def executions(self) -> tuple[Execution, ...]:
        """The newest executions, the one that started last first."""
        return self.store.executions(LogQuery(), NEWEST)


@dataclass(frozen=True)
class _Span:
    """A part of the log that is to be read, newest first; without an end it reaches into the future.

    `reached_ms` is how far reading got, and `token` where it goes on. `again` marks what was read before and is
    looked at once more for late records.
    """

    start_ms: int
    end_ms: int | None = None
    reached_ms: int | None = None
    token: str = ""
    again: bool = False

    @property
    def left_ms(self) -> int:
        """What is not read yet ends here."""
        ends = [end for end in (self.end_ms, self.reached_ms) if end is not None]
        return min(ends, default=_FUTURE_MS)


def _nobody(record: LogRecord) -> None:
    """Takes note of nothing."""


class LogTail:
    """Keeps the store up to date. Safe to share between threads.

    `observe` is called once for each new record of an execution, in the order in which they are read, by the thread
    that refreshes; it must be quick.
    """

    def __init__(self, aws: Aws, observe: Callable[[LogRecord], None] = _nobody) -> None:
        self._aws = aws
        self._group = names.log_group(aws.region)
        self._observe = observe
        self._lock = threading.Lock()
        self.store = LogStore()
        self._spans: list[_Span] = []
        #: Up to here, less the overlap, the log has been read.
        self._seen_ms = 0
        self._newest_ms = 0
        #: From here on the log has been read, or is in a span to be read.
        self._back_to_ms = 0
        self._read_at_ms = 0
        self._deep_at_ms = 0
        #: Time and lateness of records, in ms.
        self._lateness: deque[tuple[int, int]] = deque(maxlen=LATENESS_RECORDS)
        self._asked: dict[int, float] = {}
        self._pause_s = 0.0
        self._paused_until = 0.0

    def ask_for(self, window_ms: int) -> None:
        """Keeps at least so much of the past for a while, up to WIDEST_MS. Returns at once."""
        self._asked[min(window_ms, WIDEST_MS)] = time.monotonic()

    def refresh(self) -> LogView:
        """What is known after a look at what is new. Raises DashboardError."""
        with self._lock:
            now_ms = int(time.time() * 1000)
            window_from_ms = now_ms - self._window_ms()
            if time.monotonic() >= self._paused_until:
                self._look(now_ms, window_from_ms)
            self.store.trim(window_from_ms)
            return LogView(self._state(now_ms, window_from_ms), self.store)

    def _window_ms(self) -> int:
        now = time.monotonic()
        recent = [window for window, at in tuple(self._asked.items()) if now - at < ASKED_FOR_S]
        return max([WINDOW_MS, *recent])

    def _look(self, now_ms: int, window_from_ms: int) -> None:
        try:
            self._read_new(now_ms)
            self._plan(now_ms, window_from_ms)
            self._read_back()
        except Throttled:
            # What is known is still good; the state says that the rest comes more slowly.
            self._pause_s = min(max(PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
            self._paused_until = time.monotonic() + self._pause_s
        else:
            self._pause_s = 0.0

    def _read_new(self, now_ms: int) -> None:
        start_ms = self._seen_ms - OVERLAP_MS
        if now_ms - self._seen_ms > 2 * FIRST_LOOK_MS:
            start_ms = now_ms - FIRST_LOOK_MS
        rest = self._read(_Span(start_ms), NEW_S)
        if rest is not None:
            self._spans.append(rest)
        if not self._seen_ms:
            self._back_to_ms, self._deep_at_ms = start_ms, now_ms
        elif start_ms > self._seen_ms:
            # Nobody looked for a while.
            self._spans.append(_Span(self._seen_ms - OVERLAP_MS, start_ms))
        self._read_at_ms = now_ms
        # Where there is no record the log has been read all the same.
        self._seen_ms = max(self._newest_ms, now_ms - FIRST_LOOK_MS)

    def _plan(self, now_ms: int, window_from_ms: int) -> None:
        """What else is to be read: the window's beginning, and now and then the last minutes again."""
        oldest_ms = max(window_from_ms, self.store.let_go_ms + 1)
        if oldest_ms < self._back_to_ms:
            self._spans.append(_Span(oldest_ms, self._back_to_ms))
        self._back_to_ms = oldest_ms
        if now_ms - self._deep_at_ms >= DEEP_EVERY_MS and not self._spans:
            self._deep_at_ms = now_ms
            self._spans.append(_Span(self._seen_ms - DEEP_OVERLAP_MS, self._seen_ms - OVERLAP_MS, again=True))
        self._spans = _tidied(self._spans, oldest_ms)

    def _read_back(self) -> None:
        deadline = time.monotonic() + BACK_S
        while self._spans:
            span = self._spans[-1]
            try:
                rest = self._read(span, deadline - time.monotonic())
            except ServiceFailed:
                # A token may have become too old; without it the span ends where reading got to.
                self._spans[-1] = replace(span, end_ms=span.left_ms, token="") if span.token else span
                raise
            self._spans.pop()
            if rest is not None:
                self._spans.append(rest)
            if time.monotonic() >= deadline:
                return

    def _read(self, span: _Span, seconds: float) -> _Span | None:
        """Reads a span for a while, a page at least. Returns what is left of it."""
        deadline = time.monotonic() + seconds
        while True:
            page = self._page(span)
            events = page.get("events", [])
            self._take(events)
            token = page.get("nextToken", "")
            if not token:
                return None
            reached_ms = min((event["timestamp"] for event in events), default=span.left_ms)
            span = replace(span, reached_ms=reached_ms, token=token)
            if time.monotonic() >= deadline:
                return span

    def _page(self, span: _Span) -> FilterLogEventsResponseTypeDef:
        extra: dict[str, Any] = {"nextToken": span.token} if span.token else {}
        if span.end_ms is not None:
            extra["endTime"] = span.end_ms
        with translated(f"Reading log group {self._group}"):
            return self._aws.patient.logs.filter_log_events(
                logGroupName=self._group, startTime=max(span.start_ms, 0), startFromHead=False, **extra
            )

    def _take(self, events: Sequence[FilteredLogEventTypeDef]) -> None:
        # CloudWatch takes events of up to two hours ahead, and a record may claim any time; neither may
        # make the next look begin in the future.
        now_ms = int(time.time() * 1000)
        # They came newest first: those of one millisecond are brought back into their order.
        raw = [RawEvent(each["eventId"], min(each["timestamp"], now_ms), each["message"]) for each in reversed(events)]
        self._newest_ms = max([self._newest_ms, *(event.at_ms for event in raw)])
        new = self.store.add(raw)
        arrived = {event["eventId"]: event.get("ingestionTime", 0) for event in events}
        for record in new:
            if record.readable:
                if arrived[record.event_id]:
                    self._lateness.append((record.time_ms, max(0, arrived[record.event_id] - record.time_ms)))
                self._observe(record)

    def _state(self, now_ms: int, window_from_ms: int) -> LogState:
        lateness_ms = _p95([late for at_ms, late in self._lateness if at_ms >= now_ms - LATENESS_MS])
        left = [min(span.left_ms, now_ms) for span in self._spans if not span.again]
        return LogState(
            window_from_ms=window_from_ms,
            complete_from_ms=max([self._back_to_ms, self.store.let_go_ms, *left]),
            horizon_ms=self._read_at_ms - (lateness_ms or 0),
            lateness_ms=lateness_ms,
            records=self.store.records_kept,
            reading_back=bool(left),
            full=self.store.let_go_ms > window_from_ms,
            pause_s=self._pause_s,
        )

    def close(self) -> None:
        """Lets go of what was read."""
        # A look that waits for AWS must not hold up the end; the store then goes with the process.
        if self._lock.acquire(timeout=CLOSE_S):
            try:
                self.store.close()
            finally:
                self._lock.release()


def _tidied(spans: Sequence[_Span], oldest_ms: int) -> list[_Span]:
    """Spans without what is too old, the newest last, and not more than SPANS."""
    kept = sorted((span for span in spans if span.left_ms >= oldest_ms), key=lambda span: span.left_ms)
    while len(kept) > SPANS:
        first, second, *others = kept
        kept = [_Span(min(first.start_ms, second.start_ms), second.left_ms), *others]
    return kept


def _p95(values: Sequence[int]) -> int | None:
    return sorted(values)[ceil(0.95 * len(values)) - 1] if values else None
