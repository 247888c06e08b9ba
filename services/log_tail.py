"""The newest records of the pipes' log group and the executions that they tell of, read once for all viewers.

Each refresh asks only for what may be new: from the newest record seen, less an overlap, because records are
written late and out of order; now and then it looks further back. Records seen before are known by their event id.
Executions are kept for the whole window, records themselves only as many as a page shows.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision import names
from services.aws import Aws, translated
from services.pipe_logs import Execution, LogRecord, extended, newest_first, parse

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

#: How far back the first look goes, in milliseconds; executions are kept for as long.
FIRST_LOOK_MS = 15 * 60 * 1000
#: How far back every later look goes, and how far one goes each DEEP_EVERY_MS, for records that came late.
OVERLAP_MS = 3 * 1000
DEEP_OVERLAP_MS = 90 * 1000
DEEP_EVERY_MS = 15 * 1000
#: Records kept, and executions.
CAPACITY = 2_000
EXECUTIONS = 100_000
#: Records whose delays count, and the delay that every log has at least, in seconds.
DELAYS = 1_000
LEAST_DELAY_S = 0.5


@dataclass(frozen=True)
class LogView:
    """What is known of the log: the newest records in the order of reading, and the executions, newest first.

    `late_s` is how long before this reading the log is complete: records younger than that may still come.
    """

    records: tuple[LogRecord, ...]
    executions: tuple[Execution, ...]
    late_s: float = 0.0


class LogTail:
    """Keeps what is new. Safe to share between threads. `observe` gets each readable record once, as it comes."""

    def __init__(self, aws: Aws, observe: Callable[[LogRecord], None] = lambda _: None) -> None:
        self._aws = aws
        self._observe = observe
        #: How long after the act the newest records could be read, in seconds.
        self._delays: deque[float] = deque(maxlen=DELAYS)
        self._group = names.log_group(aws.region)
        #: Event id -> CloudWatch's time of the event in ms, for as long as a look may bring it again.
        self._known: OrderedDict[str, int] = OrderedDict()
        self._records: deque[LogRecord] = deque(maxlen=CAPACITY)
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._seen_ms = 0
        self._deep_at_ms = 0
        self._lock = threading.Lock()

    def refresh(self) -> LogView:
        """What is known after a look at what is new. Raises DashboardError."""
        with self._lock:
            now_ms = int(time.time() * 1000)
            for event in self._events_from(self._start_ms(now_ms)):
                self._take(event, now_ms)
            self._forget(now_ms)
            return LogView(tuple(self._records), tuple(newest_first(self._executions.values())), self._late_s(now_ms))

    def _late_s(self, began_ms: int) -> float:
        """Since when the log is complete, as a span before now: this look's own time, and 19 of 20 usual delays."""
        delays = sorted(self._delays)
        usual = delays[len(delays) * 95 // 100] if delays else 0.0
        return time.time() - began_ms / 1000 + max(usual, LEAST_DELAY_S)

    def _start_ms(self, now_ms: int) -> int:
        overlap_ms = OVERLAP_MS
        if now_ms - self._deep_at_ms >= DEEP_EVERY_MS:
            self._deep_at_ms, overlap_ms = now_ms, DEEP_OVERLAP_MS
        return max(self._seen_ms - overlap_ms, now_ms - FIRST_LOOK_MS)

    def _take(self, event: FilteredLogEventTypeDef, now_ms: int) -> None:
        event_id, at_ms = event["eventId"], event["timestamp"]
        # CloudWatch takes events of up to two hours ahead, and a record may claim any time; neither may
        # make the next look begin in the future.
        self._seen_ms = max(self._seen_ms, min(at_ms, now_ms))
        if event_id in self._known:
            return
        self._known[event_id] = min(at_ms, now_ms)
        record = parse(event_id, at_ms, event["message"])
        self._records.append(record)
        if record.readable:
            self._observe(record)
            ingested_ms = event.get("ingestionTime", at_ms)
            self._delays.append(max(0, ingested_ms - record.time_ms) / 1000)
            known = self._executions.get(record.execution_id)
            self._executions[record.execution_id] = extended(known, record)

    def _forget(self, now_ms: int) -> None:
        """Lets go of what no look brings again, and of executions that are too old or too many."""
        oldest_ms = min(self._seen_ms - DEEP_OVERLAP_MS, now_ms - DEEP_OVERLAP_MS) - OVERLAP_MS
        while self._known and next(iter(self._known.values())) < oldest_ms:
            self._known.popitem(last=False)
        while self._executions and (
            len(self._executions) > EXECUTIONS or next(iter(self._executions.values())).last_ms < now_ms - FIRST_LOOK_MS
        ):
            self._executions.popitem(last=False)

    def _events_from(self, start_ms: int) -> Iterator[FilteredLogEventTypeDef]:
        token = ""
        while True:
            extra = {"nextToken": token} if token else {}
            with translated(f"Reading log group {self._group}"):
                page = self._aws.logs.filter_log_events(
                    logGroupName=self._group,
                    startTime=start_ms,
                    **extra,  # type: ignore[arg-type]
                )
            yield from page.get("events", [])
            token = page.get("nextToken", "")
            if not token:
                return
