"""Everything that pages can ask of one stack: the table, the cache, the topic, the pipes, their logs, the dead letters.

One object per target and process, shared by all viewers. Reads that every page repeats are `Shared`.
"""

from __future__ import annotations

from provision import names
from services import alarms, canary, checks, metrics, pipes, propagation
from services.alarms import Alarm
from services.api_calls import CallCount
from services.aws import Aws
from services.canary import Canary
from services.checks import Measurement
from services.config import AwsAccess
from services.dead_letters import DeadLetter, DeadLetterQueue, Depth
from services.errors import DashboardError
from services.lint_finding import Finding
from services.log_tail import LogTail, LogView
from services.lookup import Lookups
from services.metrics import Series
from services.momento import MomentoCache
from services.momento_keys import MomentoAddress
from services.propagation import Propagation
from services.reconcile import Reconciler
from services.shared import Shared
from services.topic_feed import TopicFeed
from services.weather import TablePage, WeatherRecord, WeatherTable, Write

#: How many dead letters a page shows.
PEEKED = 200
#: How far back AWS's own metrics go, in seconds.
METRICS_WINDOW_S = 3600.0


class Pipeline:
    """The stack behind one AWS account and one Momento. Opens connections; `close` ends them."""

    def __init__(self, access: AwsAccess, momento: MomentoAddress) -> None:
        self.access = access
        self.momento_address = momento
        self._aws = Aws(access)
        self.cache = MomentoCache(momento)
        self.feed = TopicFeed(momento, names.CACHE, names.TOPIC)
        self.table = WeatherTable(self._aws)
        self.lookups = Lookups(self.cache, self.table)
        self.reconciler = Reconciler(self.cache, self.table)
        self.queue = DeadLetterQueue(self._aws)
        self._tail = LogTail(self._aws)
        # Lifetimes in seconds, each longer than the pause between two looks of a page or of the sidebar (see Shared).
        self.pipes: Shared[tuple[pipes.Pipe, ...]] = Shared(lambda: pipes.describe(self._aws), 3.5)
        self.depth: Shared[Depth] = Shared(self.queue.depth, 3.5)
        self.dead_letters: Shared[tuple[DeadLetter, ...]] = Shared(lambda: self.queue.peek(PEEKED), 6.0)
        self.records: Shared[TablePage] = Shared(self.table.page, 3.5)
        self.log: Shared[LogView] = Shared(self._tail.refresh, 2.5)
        self.cache_latency_ms: Shared[float] = Shared(lambda: self.cache.check(names.CACHE), 3.5)
        self.table_metrics: Shared[tuple[Series, ...]] = Shared(
            lambda: metrics.read(self._aws, metrics.TABLE_READS, METRICS_WINDOW_S), 30.0
        )
        self.findings: Shared[tuple[Finding, ...]] = Shared(
            lambda: checks.findings(self._aws, self.pipes, self.log), 45.0
        )
        self.measurement: Shared[Measurement] = Shared(
            lambda: checks.measurement(self._aws, self.pipes, self.log), 60.0
        )
        self.alarms: Shared[tuple[Alarm, ...]] = Shared(lambda: alarms.read(self._aws), 60.0)
        # An endpoint is named for the sandbox only.
        pace = canary.IN_SANDBOX if access.endpoint_url else canary.ON_AWS
        self.canary = Canary(self.table, self.cache, self.feed, pace)
        self.feed.start()

    @property
    def api_calls(self) -> tuple[CallCount, ...]:
        """How often each AWS operation was called by this process."""
        return self._aws.calls.counts()

    @property
    def aws_endpoint(self) -> str:
        """The endpoint that DynamoDB calls go to."""
        return self._aws.endpoint

    def put(self, record: WeatherRecord) -> Propagation:
        """Writes a record and watches it arrive. Raises DashboardError when the write itself fails."""
        version = self.feed.version
        return self._followed(self.table.put(record), version)

    def delete(self, location: str) -> Propagation:
        """Deletes a record and watches it go. Raises DashboardError when the delete itself fails."""
        version = self.feed.version
        return self._followed(self.table.delete(location), version)

    def _followed(self, write: Write, version: int) -> Propagation:
        self.records.forget()
        self.depth.forget()
        try:
            return propagation.follow(write, self.cache, self.feed, version)
        except DashboardError as error:
            # The write is done; that its arrival cannot be watched must not look like a failed write.
            return Propagation(write, expected=True, problem=str(error))

    def close(self) -> None:
        """Ends the subscription and closes every connection."""
        self.canary.close()
        self.feed.close()
        self.cache.close()
        self._aws.close()
