"""CloudWatch Logs Insights, for windows wider than the log store's: what a query will read and cost, and its answer.

A query is charged by the bytes that it scans, so it is written out and estimated before it runs.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core import names
from core.aws import Aws, translated
from core.errors import NotFound
from services.jobs.cached_read import Shared
from services.logs.executions import LogRecord, parse
from services.logs.queries import FOREIGN, LogQuery

#: Records that a query gives at most; Insights itself gives 10,000.
MOST_RECORDS = 5_000
#: An example price, in US dollars for a GB scanned, as of November 2026 (facts/aws-pipes.md, section 10); it differs
#: by region.
USD_PER_GB = 0.005
_GB = 1_000_000_000

_OVER = frozenset({"Complete", "Failed", "Cancelled", "Timeout", "Unknown"})


@dataclass(frozen=True)
class Estimate:
    """What a query will scan, as a share of what the group stores by the age of the group, and its example price."""

    stored_bytes: int
    scanned_bytes: int

    @property
    def usd(self) -> float:
        """The example price in US dollars."""
        return price(self.scanned_bytes)


@dataclass(frozen=True)
class InsightsAnswer:
    """How a query stands, in CloudWatch's word, and what it found so far, the newest record first."""

    status: str
    records: tuple[LogRecord, ...] = ()
    matched: int = 0
    scanned: int = 0
    scanned_bytes: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.status in _OVER


class LogInsights:
    """Queries over the pipes' log group. Every method raises a DashboardError that says what failed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._group = names.log_group(aws.region)
        self._described: Shared[tuple[int, int, int | None]] = Shared(self._describe, 60.0)

    def estimate(self, since_ms: int, until_ms: int) -> Estimate:
        """What a query over this time would scan. Assumes that the group grew evenly."""
        stored, created_ms, retention_days = self._described.get().value
        return estimated(stored, created_ms, retention_days, since_ms, until_ms, int(time.time() * 1000))

    def _describe(self) -> tuple[int, int, int | None]:
        """Bytes stored, the group's beginning in epoch ms, and the days that it keeps records, None for ever."""
        tried = f"Describing log group {self._group}"
        with translated(tried):
            found = self._aws.patient.logs.describe_log_groups(logGroupNamePrefix=self._group)["logGroups"]
        group = next((each for each in found if each["logGroupName"] == self._group), None)
        if group is None:
            raise NotFound(f"{tried} failed: there is none.", "Create the stack with `python -m provision up`.")
        return group.get("storedBytes", 0), group.get("creationTime", 0), group.get("retentionInDays")

    def start(self, query: LogQuery) -> str:
        """Starts a query that ends at `query.until_ms`, or now. Returns its id."""
        until_ms = query.until_ms or int(time.time() * 1000)
        with translated(f"Starting a Logs Insights query on {self._group}"):
            return self._aws.patient.logs.start_query(
                logGroupName=self._group,
                startTime=query.since_ms // 1000,
                endTime=-(-until_ms // 1000),
                queryString=query_text(query),
                limit=MOST_RECORDS,
            )["queryId"]

    def answer(self, query_id: str) -> InsightsAnswer:
        """What a query has found so far."""
        with translated(f"Reading the Logs Insights query {query_id}"):
            return answered(self._aws.patient.logs.get_query_results(queryId=query_id))

    def stop(self, query_id: str) -> None:
        """Ends a query; what it has scanned is charged."""
        with translated(f"Stopping the Logs Insights query {query_id}"):
            self._aws.patient.logs.stop_query(queryId=query_id)


def estimated(
    stored_bytes: int, created_ms: int, retention_days: int | None, since_ms: int, until_ms: int, now_ms: int
) -> Estimate:
    """The share of the stored bytes that falls into a window, if the group grew evenly."""
    kept_from_ms = max(created_ms, now_ms - retention_days * 86_400_000 if retention_days else 0)
    kept_ms = max(1, now_ms - kept_from_ms)
    read_ms = max(0, min(until_ms, now_ms) - max(since_ms, kept_from_ms))
    return Estimate(stored_bytes, round(stored_bytes * min(1.0, read_ms / kept_ms)))


def price(scanned_bytes: int) -> float:
    """The example price of a scan in US dollars."""
    return scanned_bytes / _GB * USD_PER_GB


def query_text(query: LogQuery) -> str:
    """The query in Insights' language. Outcome and error are not in it: they are of executions, not of records."""
    patterns = []
    if query.pipe:
        patterns.append(f':pipe\\/{_escaped(query.pipe)}"')
    if query.level:
        patterns.append(f'"logLevel":\\s*"{_escaped(query.level)}"')
    if query.message_type and query.message_type != FOREIGN:
        patterns.append(f'"messageType":\\s*"{_spellings(query.message_type)}"')
    if query.location:
        patterns.append(_escaped(query.location))
    if query.text:
        patterns.append(f"(?i){_escaped(query.text)}")
    stages = ["fields @timestamp, @message, @ptr"]
    stages += [f"filter @message like /{pattern}/" for pattern in patterns]
    stages += ["sort @timestamp desc", f"limit {MOST_RECORDS}"]
    return "\n| ".join(stages)


def _escaped(text: str) -> str:
    """The text as it is, within a regular expression between two slashes."""
    return re.sub(r"[][/\\^$.|?*+(){}]", r"\\\g<0>", text)


def _spellings(message_type: str) -> str:
    """The message type in both spellings: `ExecutionFailed` and `EXECUTION_FAILED`."""
    words = re.findall(r"[A-Z][a-z]*", message_type)
    upper = "_".join(words).upper()
    return f"({_escaped(message_type)}|{_escaped(upper)})" if words else _escaped(message_type)


def answered(content: Any) -> InsightsAnswer:
    """GetQueryResults' answer. A row without a message is left out."""
    rows = [{field.get("field"): field.get("value", "") for field in row} for row in content.get("results", [])]
    statistics = content.get("statistics") or {}
    return InsightsAnswer(
        status=str(content.get("status", "Unknown")),
        records=tuple(
            parse(str(row.get("@ptr", number)), _epoch_ms(row.get("@timestamp", "")), str(row["@message"]))
            for number, row in enumerate(rows)
            if "@message" in row
        ),
        matched=int(statistics.get("recordsMatched", 0)),
        scanned=int(statistics.get("recordsScanned", 0)),
        scanned_bytes=int(statistics.get("bytesScanned", 0)),
    )


def _epoch_ms(text: str) -> int:
    """Insights writes `2026-11-21 19:44:20.121`, in UTC. 0 for anything else."""
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0
