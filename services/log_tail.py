"""The newest records of the pipes' log group, read once for all viewers.

Each refresh asks only for what may be new: from the newest record seen, less an overlap, because records are
written late and out of order. Records seen before are known by their event id.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from provision import names
from services.aws import Aws, translated
from services.pipe_logs import LogRecord, parse

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
        self._records: OrderedDict[str, LogRecord] = OrderedDict()
        self._seen_ms = 0
        self._lock = threading.Lock()

    def refresh(self) -> tuple[LogRecord, ...]:
        """All kept records, after a look at what is new. Raises DashboardError."""
        with self._lock:
            now_ms = int(time.time() * 1000)
            start_ms = max(self._seen_ms - OVERLAP_MS, now_ms - FIRST_LOOK_MS)
            for record in self._read_from(start_ms):
                self._records.setdefault(record.event_id, record)
                self._seen_ms = max(self._seen_ms, record.time_ms)
            while len(self._records) > CAPACITY:
                self._records.popitem(last=False)
            return tuple(self._records.values())

    def _read_from(self, start_ms: int) -> list[LogRecord]:
        records: list[LogRecord] = []
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
            records += [parse(event["eventId"], event["timestamp"], event["message"]) for event in events]
            token = page.get("nextToken", "")
            if not token and len(events) < _PAGE:
                return records
            if not token:
                # A full page without a token: the embedded emulator never gives one (facts/emulators.md).
                if events[-1]["timestamp"] <= start_ms:
                    return records
                start_ms = events[-1]["timestamp"]
