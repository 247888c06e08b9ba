"""The newest records of the pipes' log group, read once for all viewers.

Each refresh asks only for what may be new: from the newest record seen, less an overlap, because records are
written late and out of order. Records seen before are known by their event id.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from provision import names
from services.aws import Aws, translated
from services.pipe_logs import LogRecord, parse

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

#: How far back the first look goes, and how far every later one looks again, in milliseconds.
FIRST_LOOK_MS = 15 * 60 * 1000
OVERLAP_MS = 30 * 1000
#: Records kept; at four to an execution these are the last 5,000 executions.
CAPACITY = 20_000
#: FilterLogEvents answers at most this many events in one page.
_PAGE = 10_000


class LogTail:
    """Keeps the newest records. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._group = names.log_group(aws.region)
        #: Event id -> CloudWatch's time of the event in ms, and the record.
        self._records: OrderedDict[str, tuple[int, LogRecord]] = OrderedDict()
        self._seen_ms = 0
        self._dropped_ms = 0
        self._lock = threading.Lock()

    def refresh(self) -> tuple[LogRecord, ...]:
        """All kept records, after a look at what is new. Raises DashboardError."""
        with self._lock:
            now_ms = int(time.time() * 1000)
            # What was dropped must not be read again: it would come back as the newest and push out what is.
            start_ms = max(self._seen_ms - OVERLAP_MS, now_ms - FIRST_LOOK_MS, self._dropped_ms + 1)
            for event in self._events_from(start_ms):
                self._take(event, now_ms)
            while len(self._records) > CAPACITY:
                dropped_ms, _ = self._records.popitem(last=False)[1]
                self._dropped_ms = max(self._dropped_ms, min(dropped_ms, now_ms))
            return tuple(record for _, record in self._records.values())

    def _take(self, event: FilteredLogEventTypeDef, now_ms: int) -> None:
        event_id, at_ms = event["eventId"], event["timestamp"]
        if event_id not in self._records:
            self._records[event_id] = (at_ms, parse(event_id, at_ms, event["message"]))
        # CloudWatch takes events of up to two hours ahead, and a record may claim any time; neither may
        # make the next look begin in the future.
        self._seen_ms = max(self._seen_ms, min(at_ms, now_ms))

    def _events_from(self, start_ms: int) -> Iterator[FilteredLogEventTypeDef]:
        token = ""
        while True:
            extra = {"nextToken": token} if token else {}
            with translated(f"Reading log group {self._group}"):
                page = self._aws.logs.filter_log_events(
                    logGroupName=self._group,
                    startTime=start_ms,
                    limit=_PAGE,
                    **extra,  # type: ignore[arg-type]
                )
            events = page.get("events", [])
            yield from events
            token = page.get("nextToken", "")
            if not token and len(events) < _PAGE:
                return
            if not token:
                # A full page without a token: the embedded emulator never gives one (facts/emulators.md).
                if events[-1]["timestamp"] <= start_ms:
                    return
                start_ms = events[-1]["timestamp"]
